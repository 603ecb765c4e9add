import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ZodObject } from 'zod';
import type { Job } from '../../src/lib/runs/job/job.ts';
import { projectRoot } from '../paths.ts';

/** Loads the parameters shown in docs/write-a-job.md. */
export async function loadDocsParameters(): Promise<ZodObject> {
  const text = await readFile(join(projectRoot, 'docs/write-a-job.md'), 'utf8');
  const [, code = ''] = /```ts\n([^`]*export const parameters =[^`]*)```/.exec(text) ?? [];
  await mkdir(join(projectRoot, '.local'), { recursive: true });
  const folder = await mkdtemp(join(projectRoot, '.local', 'docs-example-'));
  try {
    const file = join(folder, 'parameters.ts');
    await writeFile(file, code);
    return ((await import(file)) as { parameters: ZodObject }).parameters;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Loads the job shown in docs/write-a-job.md. Only its import path is changed. */
export async function loadDocsExample(): Promise<{ readonly job: Job; remove(): Promise<void> }> {
  const text = await readFile(join(projectRoot, 'docs/write-a-job.md'), 'utf8');
  const [, code = ''] = /```ts\n(import [^`]* defineJob\(\{[\s\S]*?)```/.exec(text) ?? [];
  await mkdir(join(projectRoot, '.local'), { recursive: true });
  const folder = await mkdtemp(join(projectRoot, '.local', 'docs-example-'));
  const file = join(folder, 'stale-guests.ts');
  await writeFile(file, code.replace("'../lib/runs/job/job.ts'", `'${join(projectRoot, 'src/lib/runs/job/job.ts')}'`));
  const { default: job } = (await import(file)) as { default: Job };
  return { job, remove: () => rm(folder, { recursive: true, force: true }) };
}
