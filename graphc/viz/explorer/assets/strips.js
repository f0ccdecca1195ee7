// The strip below: measured time as a line of kernels, and memory as rectangles of buffers over the kernels.

const LEFT = 70, RIGHT = 20, TOP = 8, BOTTOM = 22;
const TIME_COLOUR = { contraction: "#8bb6e0", loops: "#f2c078" }, ROOFLINE_COLOUR = "#9bc49b", CHOSEN_COLOUR = "#d97706";

class Strip {
  constructor(canvas, app) {
    this.canvas = canvas;
    this.app = app;
    this.kind = null;
    this.boxes = [];
    canvas.addEventListener("pointermove", (e) => { const hit = this.at(e); app.note(hit ? hit.note : ""); });
    canvas.addEventListener("click", (e) => { const hit = this.at(e); if (hit && hit.kernel !== undefined) app.goTo({ kernel: hit.kernel }); });
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  at(e) { return this.boxes.findLast((b) => e.offsetX >= b.x && e.offsetX <= b.x + Math.max(b.w, 2) && e.offsetY >= b.y && e.offsetY <= b.y + b.h); }

  show(kind) {
    this.kind = kind;
    this.draw();
  }

  draw() {
    const { canvas } = this, ratio = devicePixelRatio || 1;
    if (!this.kind || canvas.hidden) return;
    canvas.width = canvas.clientWidth * ratio;
    canvas.height = canvas.clientHeight * ratio;
    const g = canvas.getContext("2d");
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    g.font = "11px system-ui, sans-serif";
    g.textBaseline = "middle";
    this.boxes = [];
    const width = canvas.clientWidth - LEFT - RIGHT, height = canvas.clientHeight - TOP - BOTTOM;
    if (this.kind === "timeline") this.timeline(g, width, height);
    else this.memory(g, width, height);
    for (const b of this.boxes) {
      g.fillStyle = b.colour;
      g.fillRect(b.x, b.y, Math.max(b.w, 0.7), b.h);
      if (b.w > 3 && b.h > 3) { g.strokeStyle = b.edge || "white"; g.strokeRect(b.x, b.y, b.w, b.h); }
      if (b.w > 40 && b.h > 11) {
        g.fillStyle = "#222";
        g.fillText(shorten(g, b.label, b.w - 6), b.x + 3, b.y + b.h / 2);
      }
      if (this.app.selection && b.kernel !== undefined && b.kernel === this.app.selection.kernel) {
        g.strokeStyle = CHOSEN_COLOUR;
        g.lineWidth = 2;
        g.strokeRect(b.x, b.y, Math.max(b.w, 1), b.h);
        g.lineWidth = 1;
      }
    }
  }

  // Writes what colours mean into the middle below: [colour, text] pairs, or a text.
  legend(g, width, height, parts) {
    const square = 14, gap = 16;
    const widths = parts.map(([, text]) => square + g.measureText(text).width + gap);
    let x = LEFT + (width - widths.reduce((sum, w) => sum + w, 0)) / 2;
    parts.forEach(([colour, text], i) => {
      g.fillStyle = colour;
      g.fillRect(x, TOP + height + 8, 10, 9);
      g.fillStyle = "#555";
      g.fillText(text, x + square, TOP + height + 12);
      x += widths[i];
    });
  }

  axis(g, width, height, left, right) {
    g.fillStyle = "#555";
    g.fillText(left, LEFT, TOP + height + 12);
    g.textAlign = "right";
    g.fillText(right, LEFT + width, TOP + height + 12);
    g.textAlign = "left";
  }

  timeline(g, width, height) {
    const { program } = this.app;
    if (!program.measured) {
      g.fillStyle = "#777";
      g.fillText("Not measured: make the page with --run (or view(..., run=True)).", LEFT, TOP + height / 2);
      return;
    }
    const half = height / 2 - 4;
    g.fillStyle = "#555";
    g.fillText("time", 8, TOP + half / 2);
    g.fillText("roofline", 8, TOP + half + 8 + half / 2);
    let start = 0;
    program.kernels.forEach((kernel, i) => {
      const [ns, , operations, bytes, roofline] = kernel.time;
      const x = LEFT + width * start / program.total, w = width * ns / program.total;
      const layer = program.kernelLayer(i), of = layer && ` of ${layer}`;
      const note = `${i}: ${kernel.label}${of} · ${nanoseconds(ns)} · ${(operations / ns || 0).toFixed(1)} GFLOP/s · ${(bytes / ns || 0).toFixed(1)} GB/s · ${Math.round(100 * roofline)} % of the roofline`;
      this.boxes.push({ x, w, y: TOP, h: half, colour: TIME_COLOUR[kernel.kind], label: kernel.label, note, kernel: i });
      const tall = Math.max(1, half * Math.min(1, roofline));
      this.boxes.push({ x, w, y: TOP + height - tall, h: tall, colour: ROOFLINE_COLOUR, label: `${Math.round(100 * roofline)} %`, note, kernel: i });
      start += ns;
    });
    g.strokeStyle = "#ddd";
    g.strokeRect(LEFT, TOP + height - half, width, half);
    this.axis(g, width, height, "0", nanoseconds(program.total));
    this.legend(g, width, height, [[TIME_COLOUR.contraction, "products and sums in registers"], [TIME_COLOUR.loops, "other loops"],
      [ROOFLINE_COLOUR, "share of the speed that the machine allows (the frame is 100 %)"]]);
  }

  memory(g, width, height) {
    const { program } = this.app, { arena, buffers } = program.memory;
    const placed = buffers.filter((b) => b[4] !== null), step = width / Math.max(1, program.kernels.length);
    const others = {};
    for (const [, role, , , at, bytes] of buffers) if (at === null) others[role] = (others[role] || 0) + bytes;
    for (const [name, , first, last, at, bytes] of placed) {
      const y = TOP + height * (1 - (at + bytes) / Math.max(arena, 1));
      const { label } = program.kernels[first], layer = program.kernelLayer(first) || label;
      this.boxes.push({ x: LEFT + first * step, w: (last - first + 1) * step, y, h: height * bytes / Math.max(arena, 1), kernel: first,
        colour: familyColour(layer), label: layer, edge: "#8a8f98",
        note: `${name}: ${byteCount(bytes)} at ${byteCount(at)}, made by kernel ${first} (${label}${layer === label ? "" : ` of ${layer}`}), last read by kernel ${last}` });
    }
    g.fillStyle = "#555";
    g.fillText(byteCount(arena), 4, TOP + 6);
    g.fillText("0", 4, TOP + height - 4);
    this.axis(g, width, height, "kernel 0", `kernel ${program.kernels.length - 1}`);
    const sizes = Object.entries(program.sizes).map(([name, size]) => `${name} = ${size}`).join(", ");
    const outside = Object.entries(others).map(([role, bytes]) => `${role} ${byteCount(bytes)}`).join(", ");
    g.textAlign = "center";
    g.fillText(`temporaries: from the kernel that makes each to the last that reads it${sizes ? `, with ${sizes}` : ""}${outside ? ` · besides: ${outside}` : ""}`, LEFT + width / 2, TOP + height + 12);
    g.textAlign = "left";
  }
}
