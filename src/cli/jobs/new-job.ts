import { access, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isJobName } from '../../lib/runs/job/query-job-text.ts';
import { queryJob } from '../../lib/runs/store/run.ts';
import { isOwnProject, jobList } from '../project/own-project.ts';
import { UsageError } from '../run-program.ts';
import {
  changeSource,
  changeTestSource,
  importNameOf,
  jobSource,
  jobTestSource,
  withJob,
  withPackageImports,
} from './job-template.ts';

/** Writes a new job to start from, as {@link writeJobFiles} does. @param changes whether it changes tenants. */
export const newJob = (folder: string, name: string, changes = false): Promise<readonly string[]> =>
  writeJobFiles(folder, name, () =>
    changes
      ? { job: changeSource(name), test: changeTestSource(name) }
      : { job: jobSource(name), test: jobTestSource(name) },
  );

/** The texts of a job and its test. */
interface JobTexts {
  readonly job: string;
  readonly test: string;
}

/**
 * Writes a job, its test and its line in the list of jobs.
 * @param folder the project's folder.
 * @param texts is called with a valid name.
 * @returns the paths of the written files, relative to the folder.
 * @throws UsageError if the name is invalid or taken, or the folder is not the project's. Then nothing is written.
 */
export async function writeJobFiles(folder: string, name: string, texts: () => JobTexts): Promise<readonly string[]> {
  if (!isJobName(name))
    throw new UsageError(
      'A job has a name of at most 40 lower case letters, digits and single hyphens, such as stale-guests.',
    );
  if (name === queryJob) throw new UsageError('"query" is the name of queries. Choose another name.');
  if (reserved.has(importNameOf(name)))
    throw new UsageError(`"${name}" is a word of the language. Choose another name, such as ${name}-report.`);
  const paths = { job: `src/jobs/${name}.ts`, test: `test/unit/jobs/${name}.test.ts`, index: jobList };
  const index = await readFile(join(folder, paths.index), 'utf8').catch(() => undefined);
  if (index === undefined)
    throw new UsageError(`There is no ${paths.index}. Run the command in the folder of the project.`);
  for (const path of [paths.job, paths.test])
    if (await exists(join(folder, path))) throw new UsageError(`${path} exists already. Choose another name.`);
  const listed = withJob(index, name);
  if (listed === undefined)
    throw new UsageError(
      `${paths.index} uses the name ${importNameOf(name)} already, or has another form than expected. Choose another name, or add the job by hand: import it there, and add it to the list.`,
    );
  const { job, test } = await importsFor(folder, texts());
  // The list comes last, because it makes the job part of the app.
  await writeFile(join(folder, paths.job), job, { flag: 'wx' });
  await writeFile(join(folder, paths.test), test, { flag: 'wx' });
  await writeFile(join(folder, paths.index), listed);
  return Object.values(paths);
}

/** Outside of this repository, jobs and their tests import the package. */
async function importsFor(folder: string, { job, test }: JobTexts): Promise<JobTexts> {
  return (await isOwnProject(folder))
    ? { job: withPackageImports(job), test: withPackageImports(test) }
    : { job, test };
}

/** Words that cannot name an import, of those that a job's name can have (ECMA-262, "Keywords and Reserved Words"). */
const reserved = new Set(
  'arguments await break case catch class const continue debugger default delete do else enum eval export extends false finally for function if implements import in instanceof interface let new null package private protected public return static super switch this throw true try typeof var void while with yield'.split(
    ' ',
  ),
);

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
