#!/usr/bin/env node
// The npm package's solc behind the command line of a native one, as far as forge and build_artifacts.py use it:
// `--version`, and `--standard-json` with the input on stdin. Nothing is downloaded.
"use strict";

const fs = require("node:fs");
const solc = require("solc");

if (process.argv.includes("--version")) {
  console.log("solc, the solidity compiler commandline interface");
  console.log(`Version: ${solc.version().replace("Emscripten.clang", "Linux.g++")}`);
} else if (process.argv.includes("--standard-json")) {
  process.stdout.write(solc.compile(fs.readFileSync(0, "utf8")));
} else {
  console.error("usage: solc.js --version | --standard-json < input.json");
  process.exitCode = 2;
}
