import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { Comparison } from './compare.ts';
import { type Pair, parsePairs } from './pair.ts';
import { replay } from './replay.ts';
import { scoresOf, scoreText } from './score.ts';
import { isWritten, type Kind, unscrubbedPlaces } from './scrub.ts';

/** Where a person reads and answers. */
export interface Terminal {
  write(text: string): void;
  /** @returns what the person types. Empty if nobody can answer. */
  ask(question: string): Promise<string>;
}

interface Contribution {
  /** The recording. It is only read. */
  readonly file: string;
  /** The folder of recordings in a checkout. Undefined: looked up from the working directory. */
  readonly folder: string | undefined;
  readonly terminal: Terminal;
}

/**
 * Shows what a recording holds, what was replaced in it and what stays, asks, and writes it to the folder that the scores read.
 * @returns whether it was written.
 * @throws Error with the reason and the next step, for a file that is no recording or that is not scrubbed, and without a
 * folder of recordings.
 */
export async function contribute({ file, folder, terminal }: Contribution): Promise<boolean> {
  const { pairs, isCut } = readRecording(await readFile(file, 'utf8'));
  if (pairs.length === 0) throw new Error(`${file} holds no answer. Record some first.`);
  refuseUnscrubbed(pairs);
  const recordings = recordingsFolder(folder);
  const comparisons = await replay(pairs);
  terminal.write(reviewText(comparisons));
  if (isCut) terminal.write('The last line was cut when the recording was interrupted. It is left out.\n');
  if (comparisons.every(({ notCompared }) => notCompared !== undefined)) {
    terminal.write('No answer can be compared, so there is nothing to contribute.\n');
    return false;
  }
  const answer = await terminal.ask(`Read ${file}: nothing else is contributed. Contribute it (yes, no)? `);
  if (answer.trim().toLowerCase() !== 'yes') {
    terminal.write(
      `Nothing was contributed. ${file} stays: delete it, or contribute it later with microsoft-cloud contribute ${file}.\n`,
    );
    return false;
  }
  terminal.write(nextSteps(await writeFixture(recordings, pairs)));
  return true;
}

function readRecording(text: string): { readonly pairs: readonly Pair[]; readonly isCut: boolean } {
  const end = text.lastIndexOf('\n') + 1;
  const last = text.slice(end);
  try {
    if (last.trim() !== '') JSON.parse(last);
    return { pairs: parsePairs(text), isCut: false };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return { pairs: parsePairs(text.slice(0, end)), isCut: true };
  }
}

function refuseUnscrubbed(pairs: readonly Pair[]): void {
  const places = pairs.flatMap((pair, index) => unscrubbedPlaces(pair).map((place) => `line ${index + 1}: ${place}`));
  if (places.length === 0) return;
  const shown = places.slice(0, 10).join('\n  ');
  throw new Error(
    `The recording holds ${places.length} values that the recorder would have replaced. Record again, or remove these lines:\n  ${shown}`,
  );
}

const kindTexts: Readonly<Record<Kind, string>> = {
  guid: 'ids',
  user: 'user names and mail addresses',
  domain: 'domains',
  ip: 'IP addresses',
  address: 'web addresses',
  time: 'times',
  text: 'texts',
  name: 'names of properties',
};

function reviewText(comparisons: readonly Comparison[]): string {
  const pairs = comparisons.map(({ pair }) => pair);
  const found = new Map<Kind, Set<string>>();
  const stays = new Set<string>();
  for (const text of pairs.flatMap(textsOf)) {
    const [kind] = (Object.keys(isWritten) as Kind[]).filter((each) => isWritten[each].test(text));
    if (kind !== undefined) found.set(kind, (found.get(kind) ?? new Set()).add(text));
    else if (text !== '') stays.add(text);
  }
  const lines = pairs.map(({ request, response }) => `  ${request.method} ${request.path} ${response.status}`);
  const forbidden = pairs.filter(({ response }) => response.status === 403).length;
  const skipped = comparisons.filter(({ notCompared }) => notCompared !== undefined).length;
  return [
    `${pairs.length} answers:`,
    ...lines,
    'Replaced, with the number of different values:',
    ...[...found].map(([kind, values]) => `  ${kindTexts[kind]}: ${values.size}`),
    'Numbers are written as 1 or 0.5. Besides names of Microsoft’s schema, these texts stay:',
    ...[...stays].toSorted().map((text) => `  ${text}`),
    ...(forbidden === 0
      ? []
      : [`${forbidden} answers have status 403, as without the permissions that requests.md lists.`]),
    `What the simulated cloud reproduces${skipped === 0 ? '' : ` (${skipped} answers cannot be compared)`}:`,
    ...scoresOf(comparisons).map((score) => `  ${score.list} ${scoreText(score)}`),
    '',
  ].join('\n');
}

/** Every text in the bodies of a pair, and each name of a property that is a pseudonym. */
function textsOf({ request, response }: Pair): readonly string[] {
  const inside = (value: unknown): readonly string[] => {
    if (typeof value === 'string') return [value];
    if (typeof value !== 'object' || value === null) return [];
    const names = Array.isArray(value) ? [] : Object.keys(value).filter((name) => isWritten.name.test(name));
    return [...names, ...Object.values(value).flatMap(inside)];
  };
  return [request.body, response.body].flatMap(inside);
}

/** @returns an absolute path. @throws Error if the folder, or without one the working directory, is not of a checkout. */
function recordingsFolder(folder: string | undefined): string {
  const folders = folder === undefined ? ['packages/microsoft-cloud/recordings', 'recordings'] : [folder];
  const found = folders.find((each) => existsSync(join(each, 'documentation.jsonl')));
  if (found !== undefined) return resolve(found);
  throw new Error(
    'There is no folder of recordings for it. Start the command in a checkout of this project, or name its folder of recordings with --to.',
  );
}

/** Never replaces a file. @returns the path of the new one. */
async function writeFixture(folder: string, pairs: readonly Pair[]): Promise<string> {
  const lines = new Set(pairs.map((pair) => JSON.stringify(pair)));
  for (let number = 1; ; number += 1) {
    const path = join(folder, `recording-${number}.jsonl`);
    try {
      await writeFile(path, `${[...lines].join('\n')}\n`, { flag: 'wx' });
      return path;
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (code === 'EEXIST') continue;
      // A part of a file, on a full disk.
      if (code !== 'ENOENT') await rm(path, { force: true });
      throw error;
    }
  }
}

const nextSteps = (path: string): string => `Written: ${path}. To open a pull request:
  cd "${resolve(dirname(path), '../../..')}"
  npm run docs (writes the scores in docs/fidelity.md)
  git switch --create recording
  git add packages/microsoft-cloud/recordings/${basename(path)} packages/microsoft-cloud/docs/fidelity.md
  git commit --message "test(packages): add a recording of a real tenant"
  git push --set-upstream origin recording, and open the pull request on the page that it names
`;
