/** The rows of one trace: what is folded, found and shown. Rows come depth first; nothing here recurses. */

export class Tree {
  /** `payload` is what /traces/<id>.json answers. */
  constructor(payload) {
    const { rows } = payload;
    this.payload = payload;
    this.size = rows.depth.length;
    this.depth = Int32Array.from(rows.depth);
    this.parent = Int32Array.from(rows.parent);
    this.start = Float64Array.from(rows.start);
    this.length = Float64Array.from(rows.duration);
    this.service = Int32Array.from(rows.service);
    this.name = Int32Array.from(rows.name);
    this.error = Uint8Array.from(rows.error);
    this.services = payload.services.map(({ name }) => name);
    this.orphan = marked(payload, "missing_parent", this.size);
    this.oddTime = marked(payload, "implausible_time", this.size);
    this.end = ends(this.depth);
    this.children = new Int32Array(this.size);
    this.errorsBelow = new Int32Array(this.size);
    for (let row = this.size - 1; row >= 0; row--) {
      if (this.isError(row)) this.errorsBelow[row]++;
      const parent = this.parent[row];
      if (parent < 0) continue;
      this.children[parent]++;
      this.errorsBelow[parent] += this.errorsBelow[row];
    }
    this.folded = new Uint8Array(this.size);
    this.errorsOnly = false;
    this.found = [];
    this.foundSet = new Uint8Array(this.size);
    this.refresh();
  }

  isError(row) { return this.error[row] !== 0; }
  isOrphan(row) { return this.orphan[row] !== 0; }
  isOddTime(row) { return this.oddTime[row] !== 0; }
  serviceName(row) { return this.services[this.service[row]]; }
  spanName(row) { return this.payload.names[this.name[row]]; }
  id(row) { return this.payload.rows.id[row]; }

  /** Recomputes the rows on view and where each stands. */
  refresh() {
    const visible = new Int32Array(this.size);
    this.place = new Int32Array(this.size).fill(-1);
    let shown = 0;
    let row = 0;
    while (row < this.size) {
      if (this.errorsOnly && this.errorsBelow[row] === 0) {
        row = this.end[row];
        continue;
      }
      this.place[row] = shown;
      visible[shown++] = row;
      row = this.folded[row] ? this.end[row] : row + 1;
    }
    this.visible = visible.subarray(0, shown);
  }

  fold(row, folded) {
    this.folded[row] = folded ? 1 : 0;
    this.refresh();
  }

  foldAll(folded) {
    for (let row = 0; row < this.size; row++) this.folded[row] = folded && this.children[row] ? 1 : 0;
    this.refresh();
  }

  /** Opens what hides the row; also leaves "errors only" when that hides it. */
  reveal(row) {
    if (this.errorsOnly && this.errorsBelow[row] === 0) this.errorsOnly = false;
    for (let above = this.parent[row]; above >= 0; above = this.parent[above]) this.folded[above] = 0;
    this.refresh();
  }

  /** Rows whose name, service or id holds `text`, in the order of the rows. */
  find(text) {
    const wanted = text.trim().toLowerCase();
    this.found = [];
    this.foundSet.fill(0);
    if (!wanted) return;
    const names = this.payload.names.map((name) => name.toLowerCase().includes(wanted));
    const services = this.services.map((name) => name.toLowerCase().includes(wanted));
    for (let row = 0; row < this.size; row++) {
      if (names[this.name[row]] || services[this.service[row]] || this.id(row) === wanted) {
        this.found.push(row);
        this.foundSet[row] = 1;
      }
    }
  }

  /** The match after (`step` 1) or before (−1) a row, round the end. */
  nextFound(from, step) {
    if (!this.found.length) return -1;
    const index = this.found.findIndex((row) => row >= from);
    const at = index < 0 ? this.found.length : index;
    const exactly = this.found[at] === from;
    const next = step > 0 ? at + (exactly ? 1 : 0) : at - 1;
    return this.found[(next + this.found.length) % this.found.length];
  }
}

/** 1 for each row that a notice of this kind is about. */
function marked(payload, kind, size) {
  const marks = new Uint8Array(size);
  for (const notice of payload.notices) if (notice.kind === kind) for (const row of notice.rows) marks[row] = 1;
  return marks;
}

/** For each row the first row that is not below it. */
function ends(depth) {
  const end = new Int32Array(depth.length);
  const open = [];
  for (let row = 0; row < depth.length; row++) {
    while (open.length && depth[open[open.length - 1]] >= depth[row]) end[open.pop()] = row;
    open.push(row);
  }
  for (const row of open) end[row] = depth.length;
  return end;
}
