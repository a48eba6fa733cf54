"use strict";
// A part of scripts/test as a process of its own, so that parts run side by side and each one's processor time is known.
require("../scripts/lib/start.cjs").run("test/part.ts", "runPart");
