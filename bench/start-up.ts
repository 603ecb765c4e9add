import { execFile } from 'node:child_process';
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { globSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { transform } from 'esbuild';
import { projectRoot as root, ptbScript } from '../test/paths.ts';
import { quiet } from '../test/support/watched-demo.ts';
import { startChild } from '../src/cli/demo/child.ts';
import { type Demo, startDemo } from '../src/cli/demo/start-demo.ts';
import { zipFolder } from '../src/cli/project/app-package.ts';
import { listFiles } from '../src/lib/health/release.ts';
import { packageApp } from '../tools/package.ts';
import { type Bench, embeddedHost, type Figure, figure, round } from './measure.ts';

const run = promisify(execFile);
/** Inside the project, so that the unbundled app finds node_modules. */
const workFolder = join(root, '.local/bench-start-up');
const runs = 5;
/** Time until the functions are registered as a part of that of the unbundled app, and size of the archive, MB. */
const most = { share: 0.35, archive: 0.95 };

interface Variant {
  readonly name: string;
  readonly folder: string;
  readonly files: number;
  readonly megabytes: number;
  readonly zipMegabytes: number;
}

/** The packaged app, compared with an unbundled deployment of the same sources: one file each, with node_modules. */
export const startUp: Bench = {
  name: 'start-up',
  run: async () => {
    await rm(workFolder, { recursive: true, force: true });
    const variants = [await bundled(), await unbundled()] as const;
    const loads = await samples(variants, loadMs);
    const demo = await startDemo({ ...quiet, tenants: 1, appFolder: variants[0].folder });
    let tokens: Map<string, number[]>;
    try {
      const order = await tokenOrder(demo);
      tokens = await samples(variants, (variant) => firstTokenMs(variant, demo, order));
    } finally {
      await demo.stop();
      await rm(workFolder, { recursive: true, force: true });
    }
    const figures = variants.flatMap((variant) => [
      figure(`${variant.name}: process start to functions registered`, 'ms', loads.get(variant.name) ?? []),
      figure(`${variant.name}: host start to first token`, 'ms', tokens.get(variant.name) ?? []),
      figure(`${variant.name}: files`, '', [variant.files]),
      figure(`${variant.name}: size`, 'MB', [variant.megabytes]),
      figure(`${variant.name}: archive`, 'MB', [variant.zipMegabytes]),
    ]);
    return {
      title: 'Start-up and size of the package',
      setting,
      engine: embeddedHost,
      figures,
      cases: variants.map(({ name }) => name),
      unlisted: ['files', 'archive'],
      goals: goals(figures),
    };
  },
};

const setting =
  'All files are in the page cache, which favours the unbundled app: in Azure it reads its files from a mounted archive.';

function goals(figures: readonly Figure[]) {
  const median = (name: string): number => figures.find((found) => found.name === name)?.median ?? Number.NaN;
  const load = 'process start to functions registered';
  const ratio = median(`bundled: ${load}`) / median(`unbundled: ${load}`);
  const archive = median('bundled: archive');
  return [
    {
      goal: `bundled: registered in at most ${most.share} of the time of unbundled`,
      reached: ratio <= most.share,
      value: `${round(ratio)}`,
    },
    {
      goal: `archive of at most ${most.archive} MB`,
      reached: archive <= most.archive,
      value: `${round(archive)} MB`,
    },
  ];
}

/** Alternates between the variants, so that other load on the machine affects both. */
async function samples(
  variants: readonly Variant[],
  measure: (variant: Variant) => Promise<number>,
): Promise<Map<string, number[]>> {
  const found = new Map<string, number[]>(variants.map(({ name }) => [name, []]));
  for (let n = -1; n < runs; n += 1) {
    for (const variant of variants) {
      const value = await measure(variant);
      if (n >= 0) found.get(variant.name)?.push(value);
    }
  }
  return found;
}

/** The part of the Functions worker that an app needs to register itself (complete in packages/functions-host/src/app/core-shim.ts). */
const worker = `
import Module from 'node:module';
import { pathToFileURL } from 'node:url';
let functions = 0;
class Disposable { dispose() {} }
const core = {
  version: '4', hostVersion: '4', Disposable,
  setProgrammingModel() {}, getProgrammingModel() {}, log() {},
  registerFunction() { functions += 1; return new Disposable(); },
  registerHook() { return new Disposable(); },
};
const load = Module._load;
Module._load = function (request, ...rest) {
  return request === '@azure/functions-core' ? core : load.call(this, request, ...rest);
};
await import(pathToFileURL(process.argv[1]).href);
console.log(JSON.stringify({ ms: performance.now(), functions }));
process.exit(0);
`;

async function loadMs({ name, folder }: Variant): Promise<number> {
  const entry = join(folder, 'dist/index.js');
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', worker, entry]);
  const { ms, functions } = JSON.parse(stdout) as { ms: number; functions: number };
  if (functions === 0) throw new Error(`the ${name} app registered nothing`);
  return ms;
}

async function tokenOrder(demo: Demo): Promise<RequestInit> {
  const [tenant] = await demo.api.tenants();
  return {
    method: 'POST',
    headers: { authorization: `Bearer ${await demo.callerToken()}`, 'content-type': 'application/json' },
    body: JSON.stringify({ tenant: tenant?.tenantId, resource: 'graph' }),
  };
}

async function firstTokenMs({ folder }: Variant, demo: Demo, order: RequestInit): Promise<number> {
  const startedNs = process.hrtime.bigint();
  const host = await startChild<{ url: string }>(ptbScript, ['host', '--json', '--port', '0', '--app', folder], {
    environment: demo.environment,
  });
  try {
    const answer = await fetch(`${host.ready.url}/api/tokens`, order);
    if (answer.status !== 200) throw new Error(`no token: HTTP ${answer.status} ${await answer.text()}`);
    return Number(process.hrtime.bigint() - startedNs) / 1e6;
  } finally {
    await host.stop();
  }
}

async function bundled(): Promise<Variant> {
  const out = join(workFolder, 'bundled');
  const { files, bytes, zipBytes } = await packageApp(root, out, 'azureStorage');
  return {
    name: 'bundled',
    folder: join(out, 'app'),
    files: files.length,
    megabytes: bytes / 1e6,
    zipMegabytes: zipBytes / 1e6,
  };
}

async function unbundled(): Promise<Variant> {
  const folder = join(workFolder, 'unbundled');
  for (const file of globSync('src/**/*.ts', { cwd: root, exclude: ['src/cli/**'] })) {
    const { code } = await transform(await readFile(join(root, file), 'utf8'), { loader: 'ts', target: 'node22' });
    const place = join(folder, 'dist', relative('src', file)).replace(/\.ts$/, '.js');
    await mkdir(dirname(place), { recursive: true });
    await writeFile(place, code.replaceAll(/(["']\.{1,2}\/[^"']+)\.ts(["'])/g, '$1.js$2'));
  }
  await writeFile(join(folder, 'package.json'), JSON.stringify({ type: 'module', main: 'dist/index.js' }));
  await writeFile(join(folder, 'host.json'), await readFile(join(root, 'host.json')));
  const own = (await listFiles(folder)).map((file) => relative(root, join(folder, file)));
  const all = [...own, ...(await productionFiles())];
  const sizes = await Promise.all(all.map(async (file) => (await stat(join(root, file))).size));
  return {
    name: 'unbundled',
    folder,
    files: all.length,
    megabytes: sizes.reduce((sum, size) => sum + size, 0) / 1e6,
    zipMegabytes: (await zipFolder(root, all)).byteLength / 1e6,
  };
}

/** The files that `npm ci --omit=dev` installs, as paths relative to the project. */
async function productionFiles(): Promise<string[]> {
  const { stdout } = await run('npm', ['ls', '--omit=dev', '--all', '--parseable', '--workspaces=false'], {
    cwd: root,
  });
  const packages = [...new Set(stdout.split('\n').filter((path) => path.includes('node_modules')))];
  const found = await Promise.all(
    packages.map(async (folder) =>
      (await listFiles(folder))
        // npm lists a nested package separately.
        .filter((file) => !file.startsWith('node_modules/'))
        .map((file) => relative(root, join(folder, file))),
    ),
  );
  return found.flat();
}
