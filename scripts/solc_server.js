#!/usr/bin/env node
// npm's solc kept warm: every line of stdin is a standard-JSON input, every line of stdout its output.
// Starting the compiler anew takes seconds; the tools that compile contracts many times would wait for nothing else.
"use strict";

const readline = require("node:readline");
const solc = require("solc");

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  process.stdout.write(JSON.stringify(JSON.parse(solc.compile(line))) + "\n");
});
