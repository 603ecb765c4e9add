import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ZodObject } from 'zod';
import { jobSource } from '../../src/cli/jobs/job-template.ts';
import type { Job } from '../../src/lib/runs/job/job.ts';
import { projectRoot } from '../paths.ts';

/** The blocks of TypeScript in docs/write-a-job.md. */
export async function docsBlocks(): Promise<readonly string[]> {
  const text = await readFile(join(projectRoot, 'docs/write-a-job.md'), 'utf8');
  return [...text.matchAll(/^```ts\n([^]*?)^```/gm)].map(([, code = '']) => code);
}

/** Loads the parameters shown in docs/write-a-job.md. */
export async function loadDocsParameters(): Promise<ZodObject> {
  const code = (await docsBlocks()).find((block) => block.includes('export const parameters =')) ?? '';
  return (await loadSource<{ parameters: ZodObject }>(code)).parameters;
}

/** Loads the job that `ptb jobs new old-passwords` writes and docs/write-a-job.md shows. Only its import paths are changed. */
export async function loadNewJob(): Promise<Job> {
  const source = jobSource('old-passwords').replaceAll("'../lib/", `'${join(projectRoot, 'src/lib')}/`);
  return (await loadSource<{ default: Job }>(source)).default;
}

/** Loads a module that is in no file. It is written below the project, where its imports of packages are found. */
async function loadSource<T>(code: string): Promise<T> {
  await mkdir(join(projectRoot, '.local'), { recursive: true });
  const folder = await mkdtemp(join(projectRoot, '.local', 'docs-example-'));
  try {
    const file = join(folder, 'example.ts');
    await writeFile(file, code);
    return (await import(file)) as T;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
