// The program's data: decoding, and what is derived from it.

async function unpack(text) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(stream).text());
}

// Lets the browser draw and listen between two pieces of work.
const pause = () => new Promise((resolve) => setTimeout(resolve));

// Returns a program's data, read part by part: lists come in several.
async function unpackParts(parts) {
  const data = {};
  for (const [key, packed] of parts) {
    const part = await unpack(packed);
    data[key] = data[key] === undefined ? part : data[key].concat(part);
    await pause();
  }
  return data;
}

class Program {
  constructor(data, chunks) {
    Object.assign(this, data);
    this.chunks = chunks;
    this.decoded = new Map();
    this.kernelsOf = new Map();
    this.nodeTime = new Map();
    this.kernels.forEach((kernel, i) => {
      for (const id of kernel.nodes) {
        if (!this.kernelsOf.has(id)) this.kernelsOf.set(id, []);
        this.kernelsOf.get(id).push(i);
      }
      if (kernel.time) {
        for (const id of kernel.results) {
          this.nodeTime.set(id, (this.nodeTime.get(id) || 0) + kernel.time[0] / kernel.results.length);
        }
      }
    });
    this.total = this.kernels.reduce((sum, kernel) => sum + (kernel.time ? kernel.time[0] : 0), 0);
    for (const step of this.steps) {
      step.status = new Map();
      for (const status of ["added", "rebuilt", "removed"]) for (const id of step[status]) step.status.set(id, status);
      step.outputs = new Set(step.outputs);
      step.changes = new Map();
    }
  }

  get measured() { return this.total > 0; }

  node(id) {
    const [title, op, type, layer, source, inputs, attributes, doc, kind] = this.nodes[id];
    const t = this.texts;
    return { id, title: t[title], op: t[op], type: t[type], layer: t[layer], source: t[source], inputs,
      attributes: t[attributes], doc: t[doc], kind };
  }

  isKernel(id) { return id >= this.nodes.length; }

  kernelIndex(id) { return id - this.nodes.length; }

  // The kernels that compute a node, or what became of it in the passes from this one on.
  kernelsFrom(stepNumber, id) {
    for (let i = stepNumber; ; i++) {
      if (this.kernelsOf.has(id)) return this.kernelsOf.get(id);
      while (i < this.steps.length && this.steps[i].became[id] === undefined) i++;
      if (i >= this.steps.length) return [];
      id = this.steps[i].became[id];
    }
  }

  consumers(id) {
    if (!this.users) {
      this.users = new Map();
      this.nodes.forEach((row, user) => {
        for (const input of new Set(row[5])) {
          if (!this.users.has(input)) this.users.set(input, []);
          this.users.get(input).push(user);
        }
      });
    }
    return this.users.get(id) || [];
  }

  // The node ids in a scope, those of its scopes too.
  members(scope) {
    const found = [];
    const stack = [scope];
    while (stack.length) {
      for (const child of this.scopes[stack.pop()][1]) {
        if (typeof child === "string") continue;
        if (child < 0) stack.push(~child);
        else found.push(child);
      }
    }
    return found;
  }

  // How many nodes in a scope a step added or removed.
  changes(step, scope) {
    if (!step.changes.has(scope)) {
      step.changes.set(scope, this.members(scope).filter((id) => step.status.has(id) && step.status.get(id) !== "rebuilt").length);
    }
    return step.changes.get(scope);
  }

  time(id) {
    if (this.isKernel(id)) return this.kernels[this.kernelIndex(id)].time[0];
    return this.nodeTime.get(id) || 0;
  }

  // The time of a scope: of the kernels in it, or of the operations that stand there after the last pass.
  scopeTime(scope, path) {
    if (path.includes("kernels ")) return this.members(scope).reduce((sum, id) => sum + this.time(id), 0);
    if (!this.pathTimes) this.sumPaths();
    return this.pathTimes.get(path) || 0;
  }

  sumPaths() {
    const paths = new Map();
    const visit = (scope, path) => {
      for (const child of this.scopes[scope][1]) {
        if (typeof child === "string") continue;
        if (child < 0) visit(~child, childPath(path, this.scopes[~child][0]));
        else paths.set(child, path);
      }
    };
    visit(this.steps[this.steps.length - 1].root, "");
    this.pathTimes = new Map();
    for (const [id, time] of this.nodeTime) {
      const parts = (paths.has(id) ? paths.get(id) : this.node(id).layer.split("/").join("\u0001")).split("\u0001");
      for (let i = 1; i <= parts.length; i++) {
        const path = parts.slice(0, i).join("\u0001");
        this.pathTimes.set(path, (this.pathTimes.get(path) || 0) + time);
      }
    }
  }

  // The layers that a kernel computes values of, in a few words.
  kernelLayer(index) {
    const layers = [...new Set(this.kernels[index].results.map((id) => this.node(id).layer.split("/")[0]).filter(Boolean))];
    return layers.length > 1 ? `${layers[0]} and ${layers.length - 1} more` : layers[0] || "";
  }

  async code(kernel) {
    const chunk = this.kernels[kernel].code;
    if (!this.decoded.has(chunk)) this.decoded.set(chunk, await unpack(this.chunks[chunk]));
    return this.decoded.get(chunk);
  }
}

function nanoseconds(ns) {
  if (ns >= 1e9) return (ns / 1e9).toFixed(2) + " s";
  if (ns >= 1e6) return (ns / 1e6).toFixed(2) + " ms";
  return ns >= 1e3 ? (ns / 1e3).toFixed(1) + " µs" : Math.round(ns) + " ns";
}

function byteCount(bytes) {
  const units = ["B", "KiB", "MiB", "GiB"];
  let i = 0;
  while (bytes >= 1024 && i < 3) { bytes /= 1024; i++; }
  return (i ? bytes.toFixed(1) : bytes) + " " + units[i];
}
