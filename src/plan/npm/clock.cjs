// Builds with the clock of when the commit was made, in the one thing that texts show: what
// JavaScript says the time is (ECMA-262, "Date Objects"). It goes on from there in each program,
// so that what waits comes to an end. Node.js reads this file before each program (--require).
"use strict";
const Real = Date;
const then = Number(process.env.BUILD_CLOCK) * 1000;
const begun = Real.now();
const now = () => then + (Real.now() - begun);

// A class of its own would not do: `Date` may be called without `new`, and is what made the
// dates that were there before. Node.js before 12 has no `globalThis`.
global.Date = new Proxy(Real, {
  construct: (real, given, made) => Reflect.construct(real, given.length ? given : [now()], made),
  apply: () => new Real(now()).toString(),
  get: (real, name) => (name === "now" ? now : real[name]),
});
Real.prototype.constructor = global.Date;
