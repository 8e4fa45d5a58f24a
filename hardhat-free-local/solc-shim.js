#!/usr/bin/env node
// The command line of a native solc, answered by the pinned `solc` package (WebAssembly) from npm.
// Serves what py-solc-x (compile_standard), forge and slither ask for:
//   solc --version
//   solc --standard-json [FILE] [--base-path DIR] [--include-path DIR]... [--allow-paths LIST]
// npm's own `solcjs` does not serve: it may print a line before the JSON and refuses --allow-paths.
'use strict';

const fs = require('node:fs');
const path = require('node:path');

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

function parse(argv) {
  const options = { version: false, standardJson: false, input: 0, searchPaths: [''] };
  const valueOf = (index) => (index < argv.length ? argv[index] : fail(`missing value after ${argv[index - 1]}`));
  for (let i = 0; i < argv.length; i += 1) {
    switch (argv[i]) {
      case '--version':
        options.version = true;
        break;
      case '--standard-json':
        options.standardJson = true;
        break;
      case '--base-path':
        options.searchPaths[0] = valueOf((i += 1));
        break;
      case '--include-path':
        options.searchPaths.push(valueOf((i += 1)));
        break;
      case '--allow-paths':
        valueOf((i += 1));
        break;
      case '-':
        break;
      default:
        if (argv[i].startsWith('-')) fail(`unrecognised option '${argv[i]}'`);
        options.input = argv[i];
    }
  }
  return options;
}

function sourceReader(searchPaths) {
  return (name) => {
    const candidates = path.isAbsolute(name) ? [name] : searchPaths.map((folder) => path.join(folder, name));
    const found = candidates.find((candidate) => fs.existsSync(candidate));
    return found ? { contents: fs.readFileSync(found, 'utf8') } : { error: `File not found: ${name}` };
  };
}

// Native solc reads sources given as `urls`; the WebAssembly build takes only `content`.
function inlineSources(input, read) {
  for (const [name, source] of Object.entries(input.sources ?? {})) {
    if (source.content !== undefined || !source.urls) continue;
    const text = source.urls.map(read).find((answer) => answer.contents !== undefined);
    if (!text) fail(`File not found: ${name}`);
    input.sources[name] = { content: text.contents };
  }
  return input;
}

const options = parse(process.argv.slice(2));
const solc = require('solc');
if (options.version) {
  process.stdout.write(`solc, the solidity compiler commandline interface\nVersion: ${solc.version()}\n`);
} else if (options.standardJson) {
  const read = sourceReader(options.searchPaths);
  const input = inlineSources(JSON.parse(fs.readFileSync(options.input, 'utf8')), read);
  process.stdout.write(`${solc.compile(JSON.stringify(input), { import: read })}\n`);
} else {
  fail('expected --version or --standard-json');
}
