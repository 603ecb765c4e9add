import { expect, test } from 'vitest';
import { check } from '../../../tools/check-borders.ts';

const problems = (file: string, text: string): string[] => check(new Map([[file, text]]));

test.each([
  ['src/lib/broker/broker.ts', "import { x } from '../../functions/tokens.ts';"],
  ['src/lib/model/secret.ts', "import { x } from './broker/token.ts';"],
  ['src/lib/runs/start-run.ts', "import * as df from 'durable-functions';"],
  ['src/lib/api/body.ts', "import { app } from '@azure/functions';"],
  ['src/composition.ts', "import { startCloud } from './local/cloud/index.ts';"],
  ['src/lib/audit/audit-log.ts', 'const x = process.env.SECRET;'],
  ['src/lib/broker/broker.ts', "const x = await import('../../local/cloud/index.ts');"],
  ['src/jobs/mine.ts', "import { x } from '../lib/credential/credential.ts';"],
  ['src/lib/runs/fan-out.ts', "import { randomUUID } from 'node:crypto';"],
])('%s must not say %s', (file, text) => {
  expect(problems(file, text)).not.toEqual([]);
});

test.each([
  ['src/lib/api/pipeline.ts', "import type { HttpHandler } from '@azure/functions';"],
  ['src/lib/runs/fan-out.ts', "import { type OrchestrationContext } from 'durable-functions';"],
  ['src/cli/commands/demo.ts', "const { startDemo } = await import('../../local/demo/start-demo.ts');"],
  ['src/functions/tokens.ts', "import { app } from '@azure/functions';"],
])('%s may say %s', (file, text) => {
  expect(problems(file, text)).toEqual([]);
});
