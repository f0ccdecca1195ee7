// The picture: draws what is in sight, and tells what is under the pointer.

const STATUS_COLOUR = { added: "#15803d", removed: "#b91c1c", rebuilt: "#3b82c4" };
const PALE = ["#dbe8f6", "#fdebd3", "#dff0da", "#f1dfea", "#fff4d1", "#e4deef", "#d9e9ea", "#f6dcdc", "#ecedd2", "#e2e8ff"];
const REORDERING = 3;
const BACKWARD = "∂ ";
const KIND_COLOUR = { contraction: "#dbe8f6", loops: "#fdebd3" };
// The scale at which the texts of boxes are read with ease, and the least at which they can be made out.
const READABLE = 0.7, LEGIBLE = 0.45;

function familyColour(name) {
  // What runs backwards through a layer has the layer's colour, and so have its namesakes with other numbers.
  const family = name.replace(BACKWARD, "").replace(/_?\d.*$/, "");
  let hash = 7;
  for (let i = 0; i < family.length; i++) hash = (hash * 31 + family.charCodeAt(i)) >>> 0;
  return PALE[hash % PALE.length];
}

function heatColour(part) {
  const warmth = Math.min(1, Math.sqrt(part * 4));
  return `rgb(255 ${Math.round(250 - 165 * warmth)} ${Math.round(245 - 190 * warmth)})`;
}

class Picture {
  constructor(canvas, app) {
    this.canvas = canvas;
    this.app = app;
    this.scale = 1;
    this.x = 0;
    this.y = 0;
    this.pending = false;
    this.fitted = true;
    new ResizeObserver(() => this.resize()).observe(canvas);
    this.listen();
  }

  resize() {
    const ratio = devicePixelRatio || 1;
    this.canvas.width = this.canvas.clientWidth * ratio;
    this.canvas.height = this.canvas.clientHeight * ratio;
    this.draw();
  }

  listen() {
    const canvas = this.canvas;
    let held = null;
    canvas.addEventListener("pointerdown", (e) => { held = { x: e.clientX, y: e.clientY, moved: false }; canvas.setPointerCapture(e.pointerId); });
    canvas.addEventListener("pointermove", (e) => {
      if (!held) return;
      const dx = e.clientX - held.x, dy = e.clientY - held.y;
      if (!held.moved && Math.hypot(dx, dy) < 4) return;
      Object.assign(held, { moved: true, x: e.clientX, y: e.clientY });
      this.move(dx, dy);
    });
    canvas.addEventListener("pointerup", (e) => {
      if (held && !held.moved) this.click(e.offsetX, e.offsetY);
      held = null;
    });
    canvas.addEventListener("dblclick", (e) => {
      const hit = this.at(e.offsetX, e.offsetY);
      if (hit && hit.kind === "scope") this.app.toggle(hit.path);
    });
    canvas.addEventListener("wheel", (e) => {
      e.preventDefault();
      this.zoom(Math.exp(-e.deltaY * (e.ctrlKey ? 0.01 : 0.0015)), e.offsetX, e.offsetY);
    }, { passive: false });
  }

  move(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.fitted = false;
    this.draw();
  }

  zoom(factor, x, y) {
    const scale = Math.min(4, Math.max(0.01, this.scale * factor));
    this.x = x - (x - this.x) * scale / this.scale;
    this.y = y - (y - this.y) * scale / this.scale;
    this.scale = scale;
    this.fitted = false;
    this.draw();
  }

  // The height above the key.
  get room() { return Math.max(this.canvas.clientHeight - 44, 1); }

  // Shows the whole picture, however small.
  fit() {
    const { w, h } = this.app.arranged;
    this.frame(Math.min(1, this.canvas.clientWidth / (w + 40), this.room / (h + 40)));
  }

  // Shows the whole picture where it can be read so, else the part of it around its first row.
  begin() {
    const { w, h } = this.app.arranged;
    const wide = this.canvas.clientWidth / (w + 40), whole = Math.min(wide, this.room / (h + 40));
    this.frame(Math.min(1, Math.max(whole, Math.min(READABLE, wide), LEGIBLE)));
  }

  frame(scale) {
    const { w, h, items } = this.app.arranged;
    const width = this.canvas.clientWidth, first = items.filter((item) => item.rank === 0);
    const middle = w * scale <= width || !first.length ? w / 2 : first.reduce((sum, item) => sum + item.x, 0) / first.length;
    this.scale = scale;
    this.x = width / 2 - middle * scale;
    this.y = Math.max(20, (this.room - h * scale) / 2);
    this.fitted = true;
    this.draw();
  }

  isInSight() {
    const { w, h } = this.app.arranged;
    return this.x < this.canvas.clientWidth && this.y < this.canvas.clientHeight && this.x + w * this.scale > 0 && this.y + h * this.scale > 0;
  }

  // Where a scope's top left corner is in the picture, before any zoom.
  placeOf(path) {
    return this.locate(this.app.arranged, 0, 0, (item) => item.kind === "scope" && item.path === path);
  }

  // Moves the picture so that a scope stays where it was when others made room.
  keep(path, before) {
    const after = this.placeOf(path);
    if (!before || !after) return;
    this.move((before.left + before.item.w / 2 - after.left - after.item.w / 2) * this.scale, (before.top - after.top) * this.scale);
  }

  // Brings the item of this id or scope path into the middle.
  reveal(wanted) {
    const found = this.locate(this.app.arranged, 0, 0, (item) => item.kind === "scope" ? item.path === wanted : item.id === wanted);
    if (!found) return;
    this.scale = Math.max(this.scale, READABLE);
    this.x = this.canvas.clientWidth / 2 - (found.left + found.item.w / 2) * this.scale;
    this.y = this.canvas.clientHeight / 2 - (found.top + Math.min(found.item.h, 200) / 2) * this.scale;
    this.fitted = false;
    this.draw();
  }

  locate(arranged, left, top, wanted) {
    for (const item of arranged.items) {
      if (wanted(item)) return { item, left: left + item.left, top: top + item.top };
      if (item.inner) {
        const found = this.locate(item.inner, left + item.left + PAD, top + item.top + HEAD, wanted);
        if (found) return found;
      }
    }
    return null;
  }

  at(x, y) {
    let arranged = this.app.arranged, found = null;
    x = (x - this.x) / this.scale;
    y = (y - this.y) / this.scale;
    while (arranged) {
      const hit = arranged.items.find((item) => x >= item.left && x <= item.left + item.w && y >= item.top && y <= item.top + item.h);
      if (!hit) break;
      found = hit;
      x -= hit.left;
      y -= hit.top;
      hit.onHead = y < HEAD && x < 24;
      x -= PAD;
      y -= HEAD;
      arranged = hit.inner;
    }
    return found;
  }

  click(x, y) {
    const hit = this.at(x, y);
    if (!hit || hit.kind === "port") return;
    if (hit.kind === "scope") {
      if (hit.onHead) this.app.toggle(hit.path);
      this.app.select({ scope: hit.scope, path: hit.path });
    } else this.app.select(this.app.program.isKernel(hit.id) ? { kernel: this.app.program.kernelIndex(hit.id) } : { node: hit.id });
  }

  draw() {
    if (this.pending) return;
    this.pending = true;
    requestAnimationFrame(() => { this.pending = false; this.paint(); });
  }

  paint() {
    const g = this.canvas.getContext("2d"), ratio = devicePixelRatio || 1;
    g.setTransform(1, 0, 0, 1, 0, 0);
    g.fillStyle = "#fcfcfd";
    g.fillRect(0, 0, this.canvas.width, this.canvas.height);
    if (!this.app.arranged) return;
    g.setTransform(ratio * this.scale, 0, 0, ratio * this.scale, ratio * this.x, ratio * this.y);
    const sight = [-this.x / this.scale, -this.y / this.scale,
      (this.canvas.clientWidth - this.x) / this.scale, (this.canvas.clientHeight - this.y) / this.scale];
    this.paintScope(g, this.app.arranged, 0, 0, sight);
  }

  paintScope(g, arranged, left, top, sight) {
    g.lineWidth = 1 / Math.max(this.scale, 0.4);
    for (const line of arranged.lines) this.paintLine(g, line, left, top, sight);
    for (const item of arranged.items) {
      const x = left + item.left, y = top + item.top;
      if (x > sight[2] || y > sight[3] || x + item.w < sight[0] || y + item.h < sight[1]) continue;
      this.paintItem(g, item, x, y);
      if (item.inner && item.w * this.scale > 30) this.paintScope(g, item.inner, x + PAD, y + HEAD, sight);
    }
  }

  paintLine(g, line, left, top, sight) {
    const points = line.points;
    if (top + points[0][1] > sight[3] && !line.back || top + points[points.length - 1][1] < sight[1] && !line.back) return;
    if (left + line.low > sight[2] || left + line.high < sight[0]) return;
    const chosen = this.app.isSelected(line.from) || this.app.isSelected(line.to);
    g.strokeStyle = chosen ? "#d97706" : "#9aa0a8";
    g.beginPath();
    let drawn = 0;
    for (let i = 1; i < points.length; i++) {
      const [x0, y0] = points[i - 1], [x1, y1] = points[i];
      // Of a long line only the pieces in sight are drawn.
      if (top + Math.max(y0, y1) < sight[1] || top + Math.min(y0, y1) > sight[3]) continue;
      if (drawn !== i - 1 || i === 1) g.moveTo(left + x0, top + y0);
      drawn = i;
      if (i % 2) g.bezierCurveTo(left + x0, top + (y0 + y1) / 2, left + x1, top + (y0 + y1) / 2, left + x1, top + y1);
      else g.lineTo(left + x1, top + y1);
    }
    g.stroke();
    if (this.scale < 0.3) return;
    const [x, y] = points[points.length - 1];
    g.fillStyle = g.strokeStyle;
    g.beginPath();
    g.moveTo(left + x, top + y);
    g.lineTo(left + x - 3.5, top + y - 7);
    g.lineTo(left + x + 3.5, top + y - 7);
    g.fill();
  }

  paintItem(g, item, x, y) {
    const { program, step, heat } = this.app;
    const readable = this.scale > 0.3;
    const look = this.look(item, program, step, heat);
    g.globalAlpha = look.faint ? 0.55 : 1;
    g.fillStyle = look.fill;
    g.strokeStyle = look.line;
    g.lineWidth = this.app.isSelected(item) ? 3 : look.width;
    if (this.app.isSelected(item)) g.strokeStyle = "#d97706";
    g.setLineDash(look.dash ? [5, 4] : []);
    g.beginPath();
    g.roundRect(x, y, item.w, item.h, look.radius);
    g.fill();
    if (item.kind !== "port") g.stroke();
    g.setLineDash([]);
    if (readable) this.paintText(g, item, look, x, y);
    g.globalAlpha = 1;
  }

  look(item, program, step, heat) {
    if (item.kind === "port") return { fill: "#eef0f2", line: "#ccc", width: 1, radius: 10, title: "from " + item.child };
    if (item.kind === "scope") {
      const changed = program.changes(step, item.scope);
      const time = program.measured ? program.scopeTime(item.scope, item.path) : 0;
      const fill = heat && program.measured ? heatColour(time / program.total) : familyColour(item.name);
      const notes = [program.measured && time ? nanoseconds(time) : "", changed && !item.inner ? `${changed} changed` : ""];
      return { fill: item.inner ? fill + (fill[0] === "#" ? "66" : "") : fill, line: changed ? STATUS_COLOUR.added : "#777", width: changed ? 2 : 1,
        radius: 6, title: (item.inner ? "▾ " : "▸ ") + item.name, detail: notes.filter(Boolean).join(" · "), head: item.inner };
    }
    if (program.isKernel(item.id)) return this.kernelLook(program, program.kernelIndex(item.id), heat);
    const node = program.node(item.id);
    const status = step.status.get(item.id);
    const hot = heat && program.measured ? heatColour(program.time(item.id) / program.total) : null;
    return {
      fill: hot || (node.kind === REORDERING ? "#ffd9a0" : node.kind === 0 ? "#ffffff" : "#eef3ee"),
      line: status ? STATUS_COLOUR[status] : node.kind === REORDERING ? "#c2660a" : "#777",
      width: step.outputs.has(item.id) ? 2.5 : status ? 2 : 1, dash: status === "removed", faint: status === "removed",
      radius: node.kind === 1 ? 18 : 4, title: node.kind === 1 ? node.title.split("/").pop() : node.title, detail: node.type,
    };
  }

  kernelLook(program, index, heat) {
    const kernel = program.kernels[index];
    const hot = heat && program.measured ? heatColour(kernel.time[0] / program.total) : null;
    const facts = [program.kernelLayer(index), kernel.kept ? "once" : kernel.time ? nanoseconds(kernel.time[0]) : `${kernel.nodes.length} ops`];
    const detail = facts.filter(Boolean).join(" · ");
    return { fill: hot || KIND_COLOUR[kernel.kind], line: "#777", width: 1, radius: 4,
      title: `${index}: ${kernel.label}`, detail };
  }

  paintText(g, item, look, x, y) {
    g.fillStyle = "#222";
    g.textAlign = item.head ? "left" : "center";
    g.textBaseline = "middle";
    g.font = (item.kind === "port" ? "10px" : "12px") + " system-ui, sans-serif";
    const centre = x + item.w / 2;
    if (look.head) {
      g.textAlign = "left";
      g.fillText(look.title + (look.detail ? "   " + look.detail : ""), x + 8, y + HEAD / 2 + 1, item.w - 16);
      return;
    }
    g.fillText(shorten(g, look.title, item.w - 12), centre, y + (look.detail ? item.h * 0.33 : item.h / 2));
    if (!look.detail) return;
    g.fillStyle = "#666";
    g.font = "10px system-ui, sans-serif";
    g.fillText(shorten(g, look.detail, item.w - 12), centre, y + item.h * 0.72);
  }
}

function shorten(g, text, width) {
  if (g.measureText(text).width <= width) return text;
  let low = 0, high = text.length;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (g.measureText(text.slice(0, middle) + "…").width <= width) low = middle;
    else high = middle - 1;
  }
  return text.slice(0, low) + "…";
}
