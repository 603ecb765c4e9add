import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ZodObject } from 'zod';
import { changeSource, jobSource } from '../../src/cli/jobs/job-template.ts';
import type { Job } from '../../src/lib/runs/job/job.ts';
import { projectRoot } from '../paths.ts';

/** The blocks of TypeScript in a page of docs. */
export async function docsBlocks(page = 'write-a-job.md'): Promise<readonly string[]> {
  const text = await readFile(join(projectRoot, 'docs', page), 'utf8');
  return [...text.matchAll(/^```ts\n([^]*?)^```/gm)].map(([, code = '']) => code);
}

/** Loads the parameters shown in docs/write-a-job.md. */
export async function loadDocsParameters(): Promise<ZodObject> {
  const code = (await docsBlocks()).find((block) => block.includes('export const parameters =')) ?? '';
  return (await loadSource<{ parameters: ZodObject }>(code)).parameters;
}

/** Loads the job that `ptb jobs new old-passwords` writes and docs/write-a-job.md shows. Only its import paths are changed. */
export const loadNewJob = (): Promise<Job> => loadJob(jobSource('old-passwords'));

/** Loads the job that `ptb jobs new no-new-groups --change` writes and docs/changes.md shows. */
export const loadNewChange = (): Promise<Job> => loadJob(changeSource('no-new-groups'));

async function loadJob(source: string): Promise<Job> {
  const text = source.replaceAll("'../lib/", `'${join(projectRoot, 'src/lib')}/`);
  return (await loadSource<{ default: Job }>(text)).default;
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
