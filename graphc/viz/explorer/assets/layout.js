// Where boxes stand once scopes are open: ranks and order come with the data, open boxes make room for themselves.

const OP = [170, 36], SCOPE = [190, 44], PORT = [130, 20];
const GAP = 18, RANK_GAP = 30, BEND = 6, PAD = 14, HEAD = 26;

function childPath(path, name) { return path ? path + "\u0001" + name : name; }

// Returns { w, h, items, edges } of a scope. Items have left, top, w, h; an open scope has `inner`, arranged likewise.
function arrange(program, scope, path, open) {
  const [, children, layoutNumber, edges, back] = program.scopes[scope];
  const [ranks, centres, bends, breadth] = program.layouts[layoutNumber];
  let grown = false;
  const items = children.map((child, i) => {
    const item = { child, rank: ranks[i], x: centres[i], w: OP[0], h: OP[1], kind: "op", id: child };
    if (typeof child === "string") Object.assign(item, { kind: "port", w: PORT[0], h: PORT[1] });
    else if (child < 0) {
      const name = program.scopes[~child][0];
      Object.assign(item, { kind: "scope", scope: ~child, name, path: childPath(path, name), w: SCOPE[0], h: SCOPE[1] });
      if (open.has(item.path)) {
        item.inner = arrange(program, ~child, item.path, open);
        item.w = Math.max(SCOPE[0], item.inner.w + 2 * PAD);
        item.h = item.inner.h + HEAD + PAD;
        grown = true;
      }
    }
    return item;
  });
  const rows = [];
  const rowOf = (rank) => rows[rank] || (rows[rank] = []);
  for (const item of items) rowOf(item.rank).push(item);
  const shared = new Map();
  const isLane = (xs) => typeof xs === "number";
  const chains = bends.map((xs, edge) => isLane(xs) ? [] : xs.map((x, step) => {
    const rank = items[edges[2 * edge]].rank + 1 + step;
    const key = edges[2 * edge] + ":" + rank;
    if (!shared.has(key)) {
      const bend = { rank, x, w: BEND, h: 0 };
      shared.set(key, bend);
      rowOf(rank).push(bend);
    }
    return shared.get(key);
  }));
  if (grown) for (const row of rows) if (row) makeRoom(row);
  let left = Infinity, right = -Infinity, top = 0;
  const spans = [];
  rows.forEach((row, rank) => {
    const tallest = Math.max(0, ...row.map((item) => item.h));
    spans[rank] = [top, top + tallest];
    for (const item of row) {
      item.y = top + tallest / 2;
      left = Math.min(left, item.x - item.w / 2);
      right = Math.max(right, item.x + item.w / 2);
    }
    top += tallest + RANK_GAP;
  });
  if (!items.length) { left = 0; right = breadth; }
  for (const list of [items, shared.values()]) {
    for (const item of list) {
      item.x -= left;
      item.left = item.x - item.w / 2;
      item.top = item.y - item.h / 2;
    }
  }
  const beside = right - left + GAP, lane = (number) => beside + number * BEND;
  const lines = chains.map((chain, edge) => {
    const from = items[edges[2 * edge]], to = items[edges[2 * edge + 1]];
    const points = [[from.x, from.top + from.h]];
    if (isLane(bends[edge])) {
      const x = lane(bends[edge]);
      points.push([x, spans[from.rank + 1][0]], [x, spans[to.rank - 1][1]]);
    }
    for (const bend of chain) points.push([bend.x, spans[bend.rank][0]], [bend.x, spans[bend.rank][1]]);
    points.push([to.x, to.top]);
    return line(points, from, to, false);
  });
  for (let i = 0; i < back.length; i += 2) {
    const from = items[back[i]], to = items[back[i + 1]];
    const side = Math.max(from.left + from.w, to.left + to.w) + 24;
    lines.push(line([[from.x, from.top + from.h], [side, from.y], [side, to.y], [to.x, to.top]], from, to, true));
  }
  for (const xs of bends) if (isLane(xs)) right = Math.max(right, left + lane(xs) + BEND);
  return { w: Math.max(right - left, 1), h: Math.max(top - RANK_GAP, 1), items, lines };
}

// A line with what it spans from left to right, by which painting tells whether it is in sight.
function line(points, from, to, back) {
  let low = Infinity, high = -Infinity;
  for (const [x] of points) { low = Math.min(low, x); high = Math.max(high, x); }
  return { points, from, to, back, low, high };
}

// Moves the boxes of a row apart, each as little as can be: weighted least squares by pooling neighbours.
function makeRoom(row) {
  row.sort((a, b) => a.x - b.x);
  let offset = 0;
  const blocks = [];
  row.forEach((item, i) => {
    if (i) offset += (row[i - 1].w + item.w) / 2 + GAP;
    item.offset = offset;
    let block = { mean: item.x - offset, weight: item.w, count: 1 };
    while (blocks.length && blocks[blocks.length - 1].mean > block.mean) {
      const other = blocks.pop();
      const weight = other.weight + block.weight;
      block = { mean: (other.mean * other.weight + block.mean * block.weight) / weight, weight, count: other.count + block.count };
    }
    blocks.push(block);
  });
  let i = 0;
  for (const block of blocks) for (let n = 0; n < block.count; n++, i++) row[i].x = block.mean + row[i].offset;
}
