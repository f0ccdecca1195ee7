// The page: what is shown, and what each control does.

const ROW = 22;
const byId = (id) => document.getElementById(id);

class Explorer {
  constructor() {
    this.cache = new Map();
    this.open = new Set();
    this.view = "graph";
    this.heat = false;
    this.selection = null;
    this.picture = new Picture(byId("canvas"), this);
    this.details = new Details(byId("details"), this);
    this.strip = new Strip(byId("strip"), this);
    this.listen();
  }

  async start() {
    await pause();
    this.payload = JSON.parse(byId("payload").textContent);
    for (const [i, parts] of this.payload.programs.entries()) {
      const program = new Program(await unpackParts(parts), this.payload.chunks[i]);
      this.cache.set(i, program);
      byId("program").append(new Option(program.name, i));
      await pause();
    }
    this.choose(0);
    document.body.dataset.ready = "yes";
  }

  choose(index) {
    this.program = this.cache.get(index);
    byId("program").value = index;
    this.open.clear();
    this.selection = null;
    byId("step").max = this.program.steps.length - 1;
    byId("heat").disabled = !this.program.measured;
    byId("heat").title = this.program.measured ? "colour by measured time" : "not measured: make the page with --run";
    this.heat = this.program.measured && this.heat;
    byId("heat").setAttribute("aria-pressed", this.heat);
    byId("report").textContent = this.program.report;
    this.setStep(0);
    this.picture.begin();
    this.strip.draw();
  }

  setStep(number) {
    this.stepNumber = Math.min(Math.max(number, 0), this.program.steps.length - 1);
    this.step = this.program.steps[this.stepNumber];
    byId("step").value = this.stepNumber;
    byId("step-name").textContent = `${this.stepNumber}: ${this.step.name}`;
    byId("step-back").disabled = this.stepNumber === 0;
    byId("step-forward").disabled = this.stepNumber === this.program.steps.length - 1;
    const counts = { added: "made", rebuilt: "on new inputs", removed: "removed" };
    byId("legend").innerHTML = this.stepNumber === 0 ? "" : Object.entries(counts)
      .map(([kind, text]) => `<span style="border-color:${STATUS_COLOUR[kind]}">${this.step[kind].length} ${text}</span>`).join("");
    byId("changes").hidden = !this.step.status.size;
    this.refresh();
    if (this.picture.fitted || !this.picture.isInSight()) this.picture.begin();
    if (!this.selection || this.selection.scope !== undefined) this.selection = null;
    this.details.show(this.selection);
  }

  get root() { return this.view === "graph" ? this.step.root : this.program.kernelsRoot; }

  // Lays out again; called whenever the pass, the view or the open scopes change.
  refresh() {
    this.arranged = arrange(this.program, this.root, "", this.open);
    this.rows = [];
    this.listRows(this.root, "", 0);
    byId("tree-space").style.height = `${this.rows.length * ROW}px`;
    this.drawTree();
    byId("key").innerHTML = this.keyText();
    this.moving = this.program.members(this.root).filter((id) => !this.program.isKernel(id) && this.program.nodes[id][8] === REORDERING && this.step.status.get(id) !== "removed");
    byId("moves-count").textContent = this.moving.length;
    this.picture.draw();
  }

  // What colours and lines mean, and what the mouse does.
  keyText() {
    const swatch = (style, text) => `<span><i style="${style}"></i>${text}</span>`;
    const meanings = this.heat ? [swatch("background:linear-gradient(90deg,#fffaf5,#ff5f37)", "share of the time")]
      : this.view === "kernels" ? [swatch(`background:${KIND_COLOUR.contraction}`, "products and sums in registers"), swatch(`background:${KIND_COLOUR.loops}`, "other loops")]
        : [swatch("background:#eef3ee;border-radius:6px", "input, weight"), swatch("background:#fff", "operation"),
          swatch("background:#fff;border-width:2.5px", "result"), swatch("background:#ffd9a0;border-color:#c2660a", "transpose, copy"), "<span>∂ gradient</span>"];
    return meanings.join("") + "<span>▸ opens · click tells · drag moves · wheel zooms</span>";
  }

  listRows(scope, path, depth) {
    const children = this.program.scopes[scope][1];
    // Beside layers, operations that are in none are left to the picture.
    const all = depth > 0 || this.view === "kernels" || !children.some((child) => child < 0);
    for (const child of children) {
      if (typeof child === "string") continue;
      if (child >= 0) {
        if (all) this.rows.push({ id: child, depth });
        continue;
      }
      const name = this.program.scopes[~child][0], inner = childPath(path, name);
      this.rows.push({ scope: ~child, path: inner, name, depth });
      if (this.open.has(inner)) this.listRows(~child, inner, depth + 1);
    }
  }

  drawTree() {
    const tree = byId("tree"), space = byId("tree-space");
    const first = Math.floor(tree.scrollTop / ROW), last = Math.min(this.rows.length, first + Math.ceil(tree.clientHeight / ROW) + 1);
    space.replaceChildren(...this.rows.slice(first, last).map((row, i) => this.treeRow(row, first + i)));
  }

  treeRow(row, position) {
    const { program, step } = this;
    const element = document.createElement("div");
    element.className = "row";
    element.style.top = `${position * ROW}px`;
    element.style.paddingLeft = `${row.depth * 14}px`;
    element.dataset.position = position;
    let name = row.name, time = 0, mark = 0;
    if (row.scope !== undefined) {
      element.dataset.path = row.path;
      mark = program.changes(step, row.scope);
      time = program.measured ? program.scopeTime(row.scope, row.path) : 0;
    } else {
      name = program.isKernel(row.id) ? `${program.kernelIndex(row.id)}: ${program.kernels[program.kernelIndex(row.id)].label}` : program.node(row.id).title;
      time = program.measured ? program.time(row.id) : 0;
    }
    const twist = row.scope === undefined ? "<span class=twist></span>" : `<button class=twist tabindex=-1 aria-label="open or close">${this.open.has(row.path) ? "▾" : "▸"}</button>`;
    const bar = time ? `<div class=bar style="width:${Math.max(2, 100 * time / program.total)}%"></div>` : "";
    const meter = program.measured ? `<span class=meter title="${nanoseconds(time)}, ${(100 * time / program.total).toFixed(1)} % of the whole">${bar}</span>` : "";
    element.innerHTML = `${twist}<span class=name title="${escapeText(name)}">${escapeText(name)}</span>${mark ? `<span class=mark title="operations that this pass changed">±${mark}</span>` : ""}${meter}`;
    element.classList.toggle("selected", this.isSelected({ kind: row.scope === undefined ? "op" : "scope", id: row.id, path: row.path }));
    return element;
  }

  isSelected(item) {
    const s = this.selection;
    if (!s) return false;
    if (item.kind === "scope") return s.path === item.path;
    if (s.kernel !== undefined) return item.id === this.program.nodes.length + s.kernel;
    return s.node !== undefined && s.node === item.id;
  }

  select(selection) {
    this.selection = selection;
    this.details.show(selection);
    this.drawTree();
    this.picture.draw();
    this.strip.draw();
  }

  toggle(path) {
    const before = this.picture.placeOf(path);
    if (!this.open.delete(path)) this.open.add(path);
    this.refresh();
    this.picture.keep(path, before);
  }

  // Selects something and brings it into sight, in whichever view and pass has it.
  goTo(selection) {
    if (selection.kernel !== undefined) {
      if (this.view === "kernels") this.openAround(this.program.nodes.length + selection.kernel);
    } else {
      if (this.view !== "graph") this.setView("graph");
      if (!this.openAround(selection.node)) {
        const found = this.program.steps.findIndex((step) => this.program.members(step.root).includes(selection.node));
        if (found >= 0) {
          this.setStep(found);
          this.openAround(selection.node);
        }
      }
    }
    this.select(selection);
    this.picture.reveal(selection.node ?? this.program.nodes.length + selection.kernel);
  }

  // Opens the scopes around a node; tells whether the present graph has it.
  openAround(id) {
    const search = (scope, path) => {
      for (const child of this.program.scopes[scope][1]) {
        if (child === id) return [];
        if (typeof child === "string" || child >= 0) continue;
        const inner = childPath(path, this.program.scopes[~child][0]);
        const found = search(~child, inner);
        if (found) return [inner, ...found];
      }
      return null;
    };
    const paths = search(this.root, "");
    if (!paths) return false;
    const closed = paths.filter((path) => !this.open.has(path));
    for (const path of closed) this.open.add(path);
    if (closed.length) this.refresh();
    return true;
  }

  setView(view) {
    this.view = view;
    byId("view-graph").setAttribute("aria-pressed", view === "graph");
    byId("view-kernels").setAttribute("aria-pressed", view === "kernels");
    byId("passes").hidden = view === "kernels";
    byId("moves").hidden = view === "kernels";
    if (!this.selection) this.details.show(null);
    this.refresh();
    this.picture.begin();
  }

  openChanged() {
    let first;
    const visit = (scope, path) => {
      for (const child of this.program.scopes[scope][1]) {
        if (typeof child === "string" || child >= 0 || !this.program.changes(this.step, ~child)) continue;
        const inner = childPath(path, this.program.scopes[~child][0]);
        this.open.add(inner);
        first ??= inner;
        visit(~child, inner);
      }
    };
    visit(this.root, "");
    this.refresh();
    this.picture.begin();
    if (first !== undefined && this.picture.scale < READABLE) this.picture.reveal(first);
  }

  find(text) {
    const wanted = text.trim().toLowerCase();
    if (!wanted) return;
    const scopes = [], visit = (scope, path) => {
      for (const child of this.program.scopes[scope][1]) {
        if (typeof child === "string" || child >= 0) continue;
        const name = this.program.scopes[~child][0], inner = childPath(path, name);
        if (name.toLowerCase().includes(wanted)) scopes.push({ scope: ~child, path: inner });
        visit(~child, inner);
      }
    };
    visit(this.root, "");
    const nodes = this.program.members(this.root).filter((id) => !this.program.isKernel(id) && this.program.node(id).title.toLowerCase().includes(wanted));
    const kernels = this.program.kernels.flatMap((kernel, i) => kernel.label.toLowerCase().includes(wanted) ? [i] : []);
    const hits = [...scopes, ...(this.view === "graph" ? nodes.map((node) => ({ node })) : kernels.map((kernel) => ({ kernel })))];
    if (!hits.length) { this.note(`nothing is called '${text}' here`); return; }
    this.found = this.lastSearch === wanted ? (this.found + 1) % hits.length : 0;
    this.lastSearch = wanted;
    this.note(`${this.found + 1} of ${hits.length}`);
    const hit = hits[this.found];
    if (hit.scope === undefined) this.goTo(hit);
    else {
      const parts = hit.path.split("\u0001");
      for (let i = 1; i < parts.length; i++) this.open.add(parts.slice(0, i).join("\u0001"));
      this.refresh();
      this.select(hit);
      this.picture.reveal(hit.path);
    }
  }

  nextMove() {
    if (!this.moving.length) return;
    const at = this.selection ? this.moving.indexOf(this.selection.node) : -1;
    this.goTo({ node: this.moving[(at + 1) % this.moving.length] });
  }

  note(text) { byId("strip-note").textContent = text; }

  showStrip(kind) {
    const shown = byId("strip").dataset.kind === kind ? "" : kind;
    byId("strip").dataset.kind = shown;
    byId("strip").hidden = shown !== "timeline" && shown !== "memory";
    byId("report").hidden = shown !== "report";
    for (const button of document.querySelectorAll("[data-strip]")) button.setAttribute("aria-pressed", button.dataset.strip === shown);
    this.strip.show(shown);
  }

  listen() {
    const on = (id, event, action) => byId(id).addEventListener(event, action);
    on("program", "change", (e) => this.choose(Number(e.target.value)));
    on("view-graph", "click", () => this.setView("graph"));
    on("view-kernels", "click", () => this.setView("kernels"));
    on("step", "input", (e) => this.setStep(Number(e.target.value)));
    on("step-back", "click", () => this.setStep(this.stepNumber - 1));
    on("step-forward", "click", () => this.setStep(this.stepNumber + 1));
    on("heat", "click", () => {
      this.heat = !this.heat;
      byId("heat").setAttribute("aria-pressed", this.heat);
      byId("key").innerHTML = this.keyText();
      this.picture.draw();
    });
    on("changes", "click", () => { this.setView("graph"); this.openChanged(); });
    on("moves", "click", () => this.nextMove());
    on("close-all", "click", () => { this.open.clear(); this.refresh(); this.picture.begin(); });
    on("fit", "click", () => this.picture.fit());
    on("find", "change", (e) => this.find(e.target.value));
    on("tree", "scroll", () => this.drawTree());
    on("tree", "click", (e) => {
      const element = e.target.closest(".row");
      if (!element) return;
      const row = this.rows[Number(element.dataset.position)];
      if (row.scope === undefined) {
        this.goTo(this.program.isKernel(row.id) ? { kernel: this.program.kernelIndex(row.id) } : { node: row.id });
        return;
      }
      if (e.target.closest(".twist")) this.toggle(row.path);
      this.select({ scope: row.scope, path: row.path });
      this.picture.reveal(row.path);
    });
    for (const button of document.querySelectorAll("[data-strip]")) button.addEventListener("click", () => this.showStrip(button.dataset.strip));
    document.addEventListener("keydown", (e) => {
      if (["INPUT", "SELECT"].includes(e.target.tagName)) return;
      if (e.key === "ArrowRight") this.setStep(this.stepNumber + 1);
      else if (e.key === "ArrowLeft") this.setStep(this.stepNumber - 1);
      else if (e.key === "f") this.picture.fit();
      else if (e.key === "Enter" && this.selection && this.selection.path) this.toggle(this.selection.path);
    });
  }
}

const explorer = new Explorer();
explorer.start();
