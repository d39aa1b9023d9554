// Puts names of package.json where the packer comes to them in the published order. It reads
// `order.json` beside it: of each map of dependencies the names that are asked for from the
// workspace, in their order. They take each other's places; all else stays where it is.
"use strict";
const fs = require("fs");
const path = require("path");

const order = JSON.parse(fs.readFileSync(path.join(__dirname, "order.json"), "utf8"));
const manifest = JSON.parse(fs.readFileSync("package.json", "utf8").replace(/^\ufeff/, ""));
for (const [map, names] of Object.entries(order)) {
  const before = Object(manifest[map]);
  const waiting = names.filter((name) => Object.keys(before).includes(name));
  const ordered = Object.keys(before).map((name) => (names.includes(name) ? waiting.shift() : name));
  if (manifest[map]) manifest[map] = ordered.reduce((all, name) => Object.assign(all, { [name]: before[name] }), {});
}
fs.writeFileSync("package.json", JSON.stringify(manifest, null, 2));
