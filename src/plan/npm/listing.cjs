// The order in which folders list what is in them: the publisher's, for whatever is in the
// package, and by name for the rest. npm 4 and before packs files as they are listed, but for
// some that it puts first. Of the publisher's names it is told keyed digests alone. Node.js
// reads this file before npm (--require).
"use strict";
const { createHash } = require("crypto");
const fs = require("fs");
const path = require("path");

const [key, ...masks] = fs.readFileSync(path.join(__dirname, "listing"), "utf8").split("\n");
const ranks = new Map(masks.map((mask, rank) => [mask, rank]));
const listed = new WeakSet();

const masked = (name) =>
  createHash("sha256").update(`${key} ${name}`).digest("hex").slice(0, 16);

// Folders of the build lie above those of the package, so the longest end counts.
const rank = (folders, name) => {
  for (let start = 0; start <= folders.length; start++) {
    const found = ranks.get(masked([...folders.slice(start), name].join("/")));
    if (found !== undefined) return found;
  }
  return ranks.size;
};

const ordered = (folder, names) => {
  if (!Array.isArray(names) || names.some((name) => typeof name !== "string")) return names;
  const folders = path.resolve(String(folder)).split("/").filter(Boolean);
  const ranked = names.map((name) => [rank(folders, name), name]);
  const before = (a, b) => a[0] - b[0] || (a[1] < b[1] ? -1 : 1);
  const order = realSort.call(ranked, before).map(([, name]) => name);
  listed.add(order);
  return order;
};

const { readdir, readdirSync } = fs;
fs.readdir = (folder, ...more) => {
  const done = more.pop();
  return readdir(folder, ...more, (error, names) => done(error, names && ordered(folder, names)));
};
fs.readdirSync = (folder, ...more) => ordered(folder, readdirSync(folder, ...more));

// npm sorts what was listed, first by name and then by rules that leave most as it is: engines
// sort so in ways of their own, and this one leaves what is equal in its place.
const realSort = Array.prototype.sort;
Object.defineProperty(Array.prototype, "sort", {
  value: function sort(compare) {
    if (!compare) return listed.has(this) ? this : realSort.call(this);
    for (let next = 1; next < this.length; next++) {
      const one = this[next];
      let at = next;
      for (; at > 0 && compare(this[at - 1], one) > 0; at--) this[at] = this[at - 1];
      this[at] = one;
    }
    return this;
  },
});
