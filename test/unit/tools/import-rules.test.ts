import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { layers } from '../../../oxlint.config.ts';
import { projectRoot } from '../../paths.ts';

/** File, its content, and the rule that must report it; `undefined` for code that must pass. */
const cases: readonly (readonly [file: string, content: string, rule: string | undefined])[] = [
  ['src/lib/core/value.ts', "import '../microsoft/graph.ts';", 'no-restricted-imports'],
  ['src/lib/core/type.ts', "export type { Graph } from '../microsoft/graph.ts';", 'no-restricted-imports'],
  ['src/lib/audit/upper.ts', "import '../tokens/broker.ts';", 'no-restricted-imports'],
  ['src/lib/audit/lazy.ts', "export const later = () => import('../tokens/broker.ts');", 'no-restricted-imports'],
  ['src/lib/microsoft/sibling.ts', "import '../judge/judge.ts';", 'no-restricted-imports'],
  ['src/lib/judge/rules/nested.ts', "import '../../tokens/broker.ts';", 'no-restricted-imports'],
  ['src/lib/gateway/sibling.ts', "import '../tenant-events/event-log.ts';", 'no-restricted-imports'],
  ['src/lib/api/answers/nested.ts', "import '../../../operator/setup/plan.ts';", 'no-restricted-imports'],
  ['src/lib/microsoft/root.ts', "import '../../composition.ts';", 'no-restricted-imports'],
  ['src/lib/microsoft/sdk.ts', "export { app } from '@azure/functions';", 'no-restricted-imports'],
  ['src/lib/microsoft/workspace.ts', "import 'microsoft-cloud';", 'no-restricted-imports'],
  ['src/lib/microsoft/environment.ts', "export const value = process.env['A'];", 'no-process-env'],
  ['src/lib/runs/engine/fan-out.ts', "import 'crypto';", 'no-restricted-imports'],
  ['src/jobs/job.ts', "import '../lib/tokens/broker.ts';", 'no-restricted-imports'],
  ['src/functions/route.ts', "import '../cli/table.ts';", 'no-restricted-imports'],
  ['src/cli/command.ts', "import '../composition.ts';", 'no-restricted-imports'],
  ['packages/microsoft-cloud/src/app.ts', "import '../../../src/lib/core/errors.ts';", 'no-restricted-imports'],
  ['packages/microsoft-cloud/src/other.ts', "import 'functions-host';", 'no-restricted-imports'],
  ['src/lib/audit/dotted.ts', "import './../tokens/broker.ts';", 'no-restricted-imports'],
  ['src/lib/audit/detour.ts', "import '../model/../tokens/broker.ts';", 'no-restricted-imports'],
  ['src/lib/audit/package.ts', "import '../../../packages/microsoft-cloud/src/index.ts';", 'no-restricted-imports'],
  ['src/lib/unlisted/new.ts', "import '../tokens/broker.ts';", 'no-restricted-imports'],
  ['src/lib/loose.ts', "import './tokens/broker.ts';\nimport '../cli/table.ts';", 'no-restricted-imports'],
  ['src/loose.ts', "import './cli/table.ts';\nimport 'microsoft-cloud';", 'no-restricted-imports'],
  ['src/lib/microsoft/process.ts', "export { env } from 'node:process';", 'no-restricted-imports'],
  ['packages/microsoft-cloud/src/root.ts', "import '../../../src/index.ts';", 'no-restricted-imports'],
  ['packages/microsoft-cloud/src/sibling.ts', "import '../../functions-host/src/index.ts';", 'no-restricted-imports'],
  ['src/lib/core/map.ts', "import 'graph-permissions/partner-table';", 'no-restricted-imports'],
  ['packages/graph-permissions/src/app.ts', "import '../../../src/lib/core/errors.ts';", 'no-restricted-imports'],
  ['packages/graph-permissions/src/other.ts', "import 'microsoft-cloud/client';", 'no-restricted-imports'],
  ['packages/microsoft-cloud/src/map.ts', "import 'graph-permissions/partner-table';", undefined],
  ['src/lib/judge/map.ts', "import 'graph-permissions/partner-table';", undefined],
  ['packages/microsoft-cloud/test/unit/deep/own.ts', "import '../../../src/index.ts';", undefined],
  ['src/lib/microsoft/one.ts', "import type { Two } from './two.ts';\nexport type One = Two | 1;", 'no-cycle'],
  ['src/lib/microsoft/two.ts', "import type { One } from './one.ts';\nexport type Two = One | 2;", 'no-cycle'],
  ['src/lib/tokens/lower.ts', "import '../audit/audit-log.ts';\nimport '../core/errors.ts';", undefined],
  ['src/lib/judge/lower.ts', "import '../core/errors.ts';\nimport './reading/path.ts';", undefined],
  ['src/lib/microsoft/type-only.ts', "export type { HttpRequest } from '@azure/functions';", undefined],
  ['src/jobs/allowed.ts', "import '../lib/runs/job/job.ts';\nimport '../lib/microsoft/graph.ts';", undefined],
  ['src/operator/setup/app.ts', "import '../../functions/route.ts';", 'no-restricted-imports'],
  ['src/functions/tool.ts', "import '../operator/setup/plan.ts';", 'no-restricted-imports'],
  ['src/operator/setup/lower.ts', "import '../../lib/core/errors.ts';", undefined],
  ['src/composition.ts', "export const value = process.env['A'];", undefined],
  ['src/cli/workspace.ts', "import 'microsoft-cloud';", undefined],
];

interface Report {
  readonly diagnostics: readonly { readonly code: string; readonly filename: string }[];
}

let folder: string;
let reported: ReadonlyMap<string, readonly string[]>;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'import-rules-'));
  copyFileSync(join(projectRoot, 'oxlint.config.ts'), join(folder, 'oxlint.config.ts'));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  symlinkSync(join(projectRoot, 'node_modules'), join(folder, 'node_modules'));
  for (const [file, content] of cases) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), `${content}\n`);
  }
  const { diagnostics } = lint();
  reported = new Map(cases.map(([file]) => [file, diagnostics.filter((d) => d.filename === file).map((d) => d.code)]));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** oxlint exits with 1 when it reports anything; its report is on standard output either way. */
function lint(): Report {
  try {
    return JSON.parse(run()) as Report;
  } catch (error) {
    return JSON.parse((error as { readonly stdout: string }).stdout) as Report;
  }
}

const run = (): string =>
  execFileSync(process.execPath, ['node_modules/oxlint/bin/oxlint', '--format', 'json'], {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });

it.each(cases)('%s: %j reports %s', (file, _content, rule) => {
  const rules = (reported.get(file) ?? []).filter((code) => /no-restricted-imports|no-process-env|no-cycle/.test(code));
  if (rule === undefined) expect(rules).toEqual([]);
  else expect(rules.some((code) => code.includes(rule))).toBe(true);
});

it('gives every folder of src/lib a layer', () => {
  const entries = readdirSync(join(projectRoot, 'src/lib'), { withFileTypes: true });
  expect(entries.filter((entry) => !entry.isDirectory())).toEqual([]);
  expect(entries.map(({ name }) => name).toSorted()).toEqual(layers.flat().toSorted());
});
