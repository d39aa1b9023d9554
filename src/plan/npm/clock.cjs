// Builds with the clock of when the package was made, in the one thing that texts show: what
// JavaScript says the time is (ECMA-262, "Date Objects"). It goes on from there in each program,
// so that what waits comes to an end; where it is told for how many seconds, after having stood
// still for so long. Node.js reads this file before each program (--require); the time is written in
// it, since what runs programs may hand on no variable but its own.
"use strict";
const Real = Date;
const [then, still] = "BUILD_CLOCK".split(" ").map((seconds) => Number(seconds) * 1000);
const begun = Real.now();
const now = () => then + Math.max(0, Real.now() - begun - (still || 0));

// A class of its own would not do: `Date` may be called without `new`, and is what made the
// dates that were there before. Node.js before 12 has no `globalThis`.
global.Date = new Proxy(Real, {
  construct: (real, given, made) => Reflect.construct(real, given.length ? given : [now()], made),
  apply: () => new Real(now()).toString(),
  get: (real, name) => (name === "now" ? now : real[name]),
});
Real.prototype.constructor = global.Date;
