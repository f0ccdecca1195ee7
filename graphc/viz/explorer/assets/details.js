// The panel at the right: all that is known of what is selected, with links to what it came from and what became of it.

function escapeText(text) {
  return String(text).replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);
}

const CODE_KINDS = { loops: "loop IR", llvm: "LLVM IR", assembly: "assembly", cuda: "CUDA" };
const MOST_ROWS = 200;

class Details {
  constructor(element, app) {
    this.element = element;
    this.app = app;
    this.tab = "loops";
    element.addEventListener("click", (e) => {
      const link = e.target.closest("[data-node], [data-kernel], [data-tab]");
      if (!link) return;
      if (link.dataset.tab) {
        this.tab = link.dataset.tab;
        this.show(this.shown);
      } else if (link.dataset.node) app.goTo({ node: Number(link.dataset.node) });
      else app.goTo({ kernel: Number(link.dataset.kernel) });
    });
  }

  // Shows a selection: { node }, { kernel }, { scope, path } or null for the pass itself.
  async show(selection) {
    this.shown = selection;
    if (!selection) this.element.innerHTML = this.pass();
    else if (selection.node !== undefined) this.element.innerHTML = this.node(selection.node);
    else if (selection.scope !== undefined) this.element.innerHTML = this.scope(selection);
    else {
      const code = await this.app.program.code(selection.kernel);
      if (this.shown === selection) this.element.innerHTML = this.kernel(selection.kernel, code);
    }
    this.element.scrollTop = 0;
  }

  link(id) {
    const node = this.app.program.node(id), status = this.app.step.status.get(id);
    return `<a data-node="${id}" class="${status || ""}">${escapeText(node.title)}</a> <span class="muted">${escapeText(node.type)}</span>`;
  }

  kernelLink(index) {
    const kernel = this.app.program.kernels[index];
    const time = kernel.time ? ` <span class="muted">${nanoseconds(kernel.time[0])}</span>` : "";
    return `<a data-kernel="${index}">${index}: ${escapeText(kernel.label)}</a>${time}`;
  }

  list(title, rows) {
    if (!rows.length) return "";
    const more = rows.length > MOST_ROWS ? `<li class="muted">and ${rows.length - MOST_ROWS} more</li>` : "";
    return `<h3>${title}</h3><ul>${rows.slice(0, MOST_ROWS).map((row) => `<li>${row}</li>`).join("")}${more}</ul>`;
  }

  table(rows) {
    return "<table>" + rows.filter(([, value]) => value !== "" && value !== undefined)
      .map(([name, value]) => `<tr><td class="muted">${name}</td><td>${value}</td></tr>`).join("") + "</table>";
  }

  // The whole program: what it costs, and where its time goes.
  overview() {
    const { program } = this.app, { arena, buffers } = program.memory;
    const bytes = (role) => buffers.reduce((sum, b) => sum + (b[1] === role ? b[5] : 0), 0);
    const sizes = Object.entries(program.sizes).map(([name, size]) => `${name} = ${size}`).join(", ");
    const longest = program.measured ? program.kernels.map((_, i) => i).sort((a, b) => program.kernels[b].time[0] - program.kernels[a].time[0]) : [];
    const share = (k) => `${this.kernelLink(k)} <span class="muted">· ${(100 * program.kernels[k].time[0] / program.total).toFixed(0)} %<br>${escapeText(program.kernelLayer(k))}</span>`;
    return `<h2>${escapeText(program.name)}</h2>` + this.table([
      ["operations", `${program.steps[0].count} as built, ${program.steps[program.steps.length - 1].count} after ${program.steps.length - 1} passes`],
      ["kernels", program.kernels.length], ["weights", byteCount(bytes("state"))],
      ["temporaries", `${byteCount(arena)} at most${sizes ? `, with ${sizes}` : ""}`],
      ["time", program.measured ? `${nanoseconds(program.total)} for one run` : "not measured (--run measures)"],
    ]) + this.list("where the time goes", longest.slice(0, 6).map(share)) +
      `<h3>what to do here</h3><ul><li>click a box, and see its operations, its kernels and the lines of your script</li>
      <li>go through the passes with the slider or ← →</li><li>choose <b>kernels</b> for the loops that run, down to their assembly</li>
      <li>open the timeline and the memory below</li></ul>`;
  }

  pass() {
    const { program, step } = this.app;
    if (this.app.stepNumber === 0 || this.app.view === "kernels") return this.overview();
    const removed = step.removed.filter((id) => step.reasons[id] !== undefined);
    const made = step.added.filter((id) => step.reasons[id] !== undefined);
    const why = (id) => `${this.link(id)}<br><code>${escapeText(program.texts[step.reasons[id]])}</code>`;
    return `<h2>${escapeText(step.name)}</h2><p>${escapeText(step.purpose)}</p>` + this.table([
      ["nodes", step.count], ["made", step.added.length], ["on new inputs", step.rebuilt.length],
      ["removed", step.removed.length], ["time", step.ms ? step.ms.toFixed(2) + " ms" : ""],
    ]) + this.list("rewritten by a rule", removed.map(why)) + this.list("made by a rule", made.map(why)) +
      this.list("made", step.added.filter((id) => step.reasons[id] === undefined).map((id) => this.link(id))) +
      this.list("removed", step.removed.filter((id) => step.reasons[id] === undefined).map((id) => this.link(id)));
  }

  sourceOf(source) {
    if (!source) return "";
    const lines = this.app.program.lines[source] || [];
    const line = Number(source.slice(source.lastIndexOf(":") + 1));
    const text = lines.slice(1).map((content, i) => {
      const number = lines[0] + i, shown = `${String(number).padStart(5)}  ${escapeText(content)}`;
      return number === line ? `<span class="here">${shown}</span>` : shown;
    });
    return `<h3>source</h3><div>${escapeText(source)}</div>` + (text.length ? `<pre>${text.join("\n")}</pre>` : "");
  }

  node(id) {
    const { program, step } = this.app;
    const node = program.node(id), status = step.status.get(id);
    const history = program.steps.flatMap((s) => {
      const what = s.status.get(id);
      if (!what) return [];
      const verb = { added: "made by", rebuilt: "on new inputs in", removed: "removed by" }[what];
      const why = s.reasons[id] === undefined ? "" : `: <code>${escapeText(program.texts[s.reasons[id]])}</code>`;
      return [`<span class="${what}">${verb} ${escapeText(s.name)}</span>${why}`];
    });
    const kernels = program.kernelsFrom(this.app.stepNumber, id);
    return `<h2 class="${status || ""}">${escapeText(node.title)}</h2><p>${escapeText(node.doc)}</p>` + this.table([
      ["op", escapeText(node.op)], ["type", escapeText(node.type)], ["layer", escapeText(node.layer)],
      ["attributes", escapeText(node.attributes).replace(/\n/g, "<br>")],
      ["time", program.measured && program.time(id) ? nanoseconds(program.time(id)) : ""],
    ]) + this.list("computed by kernels", kernels.map((k) => this.kernelLink(k))) +
      this.list("in the passes", history) + this.list("reads", node.inputs.map((i) => this.link(i))) +
      this.list("is read by", program.consumers(id).map((i) => this.link(i))) + this.sourceOf(node.source);
  }

  scope({ scope, path }) {
    const { program } = this.app;
    const members = program.members(scope);
    const isKernels = members.some((id) => program.isKernel(id));
    const kernels = isKernels ? members.map((id) => program.kernelIndex(id)) : [...new Set(members.flatMap((id) => program.kernelsFrom(this.app.stepNumber, id)))];
    const sources = isKernels ? [] : [...new Set(members.map((id) => program.node(id).source).filter(Boolean))];
    const time = program.measured ? program.scopeTime(scope, path) : 0;
    return `<h2>${escapeText(path.split("\u0001").join(" / "))}</h2>` + this.table([
      ["operations", isKernels ? "" : members.length], ["kernels", kernels.length],
      ["time", time ? `${nanoseconds(time)}, ${(100 * time / program.total).toFixed(1)} % of the whole` : ""],
    ]) + this.list("kernels", kernels.sort((a, b) => a - b).map((k) => this.kernelLink(k))) +
      (isKernels ? "" : this.list("operations", members.sort((a, b) => a - b).map((id) => this.link(id)))) +
      sources.slice(0, 3).map((source) => this.sourceOf(source)).join("");
  }

  kernel(index, code) {
    const { program } = this.app;
    const kernel = program.kernels[index], time = kernel.time;
    const tabs = Object.keys(CODE_KINDS).filter((kind) => code[kind] !== undefined);
    const tab = tabs.includes(this.tab) ? this.tab : tabs[0];
    const sources = [...new Set(kernel.results.map((id) => program.node(id).source).filter(Boolean))];
    return `<h2>kernel ${index}: ${escapeText(kernel.label)}</h2>` + this.table([
      ["of", escapeText(program.kernelLayer(index))], ["kind", kernel.kind + (kernel.kept ? ", its result kept from call to call" : kernel.barrier ? "" : ", may run beside the one before")],
      ["operations", escapeText(kernel.operations)], ["bytes", escapeText(kernel.bytes)],
      ["reads", escapeText(kernel.reads.join(", "))], ["writes", escapeText(kernel.writes.join(", "))],
      ["time", time ? `${nanoseconds(time[0])}, ${(100 * time[0] / program.total).toFixed(1)} % of the whole` : ""],
      ["speed", time && time[0] ? `${(time[2] / time[0]).toFixed(1)} GFLOP/s, ${(time[3] / time[0]).toFixed(1)} GB/s, ${Math.round(100 * time[4])} % of the roofline` : ""],
    ]) + this.list("computes", kernel.nodes.map((id) => this.link(id))) + this.list("layouts", kernel.layouts.map(escapeText)) + this.list("not fused, because", kernel.unfused.map(escapeText)) +
      `<div class="tabs">${tabs.map((kind) => `<button data-tab="${kind}" aria-pressed="${kind === tab}">${CODE_KINDS[kind]}</button>`).join("")}</div>` +
      `<pre class="code" id="code">${escapeText(code[tab])}</pre>` + sources.slice(0, 3).map((source) => this.sourceOf(source)).join("");
  }
}
