/** Which folders are mutated, and which tests run for each. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { projectRoot } from '../paths.ts';

const glob = (pattern: string): string[] => globSync(pattern, { cwd: projectRoot }).toSorted();

/** Every folder with a score of its own. */
export function mutatedFolders(): string[] {
  const rooms = globSync('src/lib/*', { cwd: projectRoot, withFileTypes: true }).filter((entry) => entry.isDirectory());
  const lib = rooms.map(({ name }) => `src/lib/${name}`).toSorted();
  return [...lib, 'src/operator', 'src/functions', 'src/cli', 'clients/typescript/src', ...glob('packages/*/src')];
}

/**
 * Files that are not mutated. Each is a table whose entries a test or a generated document repeats, so a test that
 * detects a changed entry would be a second copy of the table.
 */
export const dataTables: readonly string[] = [
  'src/lib/core/error-table.ts',
  'src/lib/microsoft/aadsts.ts',
  'packages/microsoft-cloud/src/entra/aadsts.ts',
];

/** Tests that are too slow to run once for each mutant. */
const slow: readonly RegExp[] = [
  // Thousands to a million generated cases, or thousands of requests. They take seconds, and on a busy machine the limit
  // of one test: then they would count every mutant as detected.
  /\.property\.test\.ts$/,
  /^test\/unit\/interleavings\//,
  /^test\/unit\/lib\/tokens\/(busy|breaker-attack|fairness)\.test\.ts$/,
  /^test\/unit\/lib\/tokens\/credential\/campaign\.test\.ts$/,
  // Minutes of simulated load on up to 16 instances.
  /^test\/unit\/lib\/microsoft\/budgets\/(concurrency|rates)\.test\.ts$/,
  // Hundreds of requests, which reach most of their folder.
  /^test\/unit\/lib\/gateway\/pages\.test\.ts$/,
  /^test\/unit\/lib\/tenants\/domain-resolver\.fairness\.test\.ts$/,
  // They run hosts in real time for many seconds, and reach the whole engine.
  /^packages\/functions-host\/test\/unit\/durable\/(chaos|shared-hub)\.test\.ts$/,
];

/** Compares a document with source files as texts, to which Stryker adds a line. */
const comparesSources = /^packages\/microsoft-cloud\/test\/unit\/documentation\.test\.ts$/;

/** Starts another process or a browser. */
const startsProcess =
  /from '[^']*(support\/azurite|support\/ptb|exec\/run-child|node:child_process|playwright-core)(\.ts)?'/;

/** Uses the managed identity, whose tokens MSAL keeps in static memory: fails beside other tests. */
const needsOwnWorker = /IDENTITY_ENDPOINT|e2e\/credential\/operator\.ts/;

/**
 * Replaces modules, itself or by what it imports: fails beside other tests. A module that a test loads in this way looks as
 * if that test ran the code of its top level, whose mutants then survive.
 */
const replacesModules = /\bvi\.(?:mock|doMock|resetModules)\(/;

/** They load an app, which a process can do only once: by their path, or by what they call. */
const loadsApp = /\/(?:openapi|registrations)\.test\.ts$|^test\/unit\/jobs\/|\/unit\/(?:app-loading|durable)\//;
const callsLoader = /\binstallCoreModule\(/;

const relativeImport = /(?:from|import\() ?'(\.[^']+)'/g;

/** The files that a test imports. */
function importedBy(file: string): string[] {
  const text = readFileSync(join(projectRoot, file), 'utf8');
  return [...text.matchAll(relativeImport)].map(([, name = '']) =>
    relative(projectRoot, join(projectRoot, dirname(file), name)),
  );
}

/** Whether a test, or a file of tests that it imports, replaces modules. */
function hasReplacedModules(file: string): boolean {
  const helpers = importedBy(file).filter(
    (each) => /^(?:packages\/[^/]+\/)?test\/.*\.ts$/.test(each) && existsSync(join(projectRoot, each)),
  );
  const texts = [file, ...helpers].map((each) => readFileSync(join(projectRoot, each), 'utf8'));
  return texts.some((text) => replacesModules.test(text));
}

/** `src/lib/audit` → `test/unit/lib/audit`, `clients/x/src` → `test/unit/clients/x`, `packages/x/src` → `packages/x/test/unit`. */
function mirror(folder: string): string {
  if (folder.startsWith('packages/')) return folder.replace(/src$/, 'test/unit');
  if (folder.startsWith('clients/')) return `test/unit/${folder.replace(/\/src$/, '')}`;
  return folder.replace(/^src/, 'test/unit');
}

/** Tests that reach a folder through a tool: the OpenAPI document holds the texts and examples of every route. */
const throughTools: Readonly<Record<string, readonly string[]>> = {
  'src/functions': ['test/unit/tools/api-document.test.ts'],
};

/** Whether each test file needs a process of its own, because it starts the Functions host, which works once. */
export const needsIsolation = (folder: string): boolean =>
  folder === 'src/functions' || folder === 'packages/functions-host/src';

/** The last ones run the simulated cloud in their own process. They are the tests of its sign-in and its tokens. */
const testFolders = [
  'test/{unit,contract,functions,replay}',
  'packages/*/test/unit',
  'packages/microsoft-cloud/test/e2e',
];

/** The unit, contract, function and replay tests that import files of the folder, and those that mirror it. */
export function testsOf(folder: string): string[] {
  const candidates = glob(`{${testFolders.join(',')}}/**/*.test.ts`);
  return candidates.filter((file) => {
    if (slow.some((pattern) => pattern.test(file)) || comparesSources.test(file)) return false;
    const text = readFileSync(join(projectRoot, file), 'utf8');
    if (startsProcess.test(text)) return false;
    if (throughTools[folder]?.includes(file)) return true;
    const isMirror = file.startsWith(`${mirror(folder)}/`);
    const isAlone =
      needsOwnWorker.test(text) || hasReplacedModules(file) || loadsApp.test(file) || callsLoader.test(text);
    if (!isMirror && !needsIsolation(folder) && isAlone) return false;
    return isMirror || importedBy(file).some((each) => each.startsWith(`${folder}/`));
  });
}
