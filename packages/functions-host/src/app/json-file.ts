import { readFileSync } from 'node:fs';
import { HostStartError } from '../runtime/host-start-error.ts';

// Strings are matched first, so that nothing inside them counts as a comment or a comma.
const comments = /("(?:[^"\\]|\\.)*")|\/\/[^\n]*|\/\*[^]*?\*\//g;
const trailingCommas = /("(?:[^"\\]|\\.)*")|,(?=\s*[}\]])/g;

/** Parses JSON that may have a byte order mark, comments and trailing commas, as .NET does. @throws SyntaxError */
export function parseLooseJson(text: string): unknown {
  const keepStrings = (_match: string, literal: string | undefined): string => literal ?? '';
  return JSON.parse(
    text
      .replace(/^\uFEFF/, '')
      .replace(comments, keepStrings)
      .replace(trailingCommas, keepStrings),
  );
}

/** Reads a JSON file of the Functions host. @throws HostStartError when it is not JSON. */
export function readJsonFile(path: string): unknown {
  try {
    return parseLooseJson(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new HostStartError(`${path} is not valid JSON.`, { cause: error });
  }
}
