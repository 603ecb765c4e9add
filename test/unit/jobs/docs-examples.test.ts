import { expect, test } from 'vitest';
import { changeSource, jobSource, jobTestSource } from '../../../src/cli/jobs/job-template.ts';
import { jobParameters } from '../../../src/lib/runs/job/job-parameters.ts';
import { docsBlocks, loadDocsParameters } from '../../support/docs-example.ts';

test('the parameters in docs/write-a-job.md can be those of a job', async () => {
  const { fields } = jobParameters(await loadDocsParameters());
  expect(fields.map(({ name, kind }) => [name, kind])).toEqual([
    ['only', 'choice'],
    ['domains', 'texts'],
  ]);
});

test('docs/write-a-job.md shows the job and the test that ptb jobs new writes', async () => {
  expect((await docsBlocks()).slice(0, 2)).toEqual([jobSource('old-passwords'), jobTestSource('old-passwords')]);
});

test('docs/changes.md shows the job that ptb jobs new writes with --change', async () => {
  expect(await docsBlocks('changes.md')).toEqual([changeSource('no-new-groups')]);
});
