import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * Files and folders whose files take longest, longest first. They start first, so that no long file runs alone at the
 * end.
 */
const longest = [
  'test/e2e/powershell/',
  'test/attack/attack.test.ts',
  'test/e2e/pages/',
  'test/chaos/campaign.test.ts',
  'test/e2e/credential/customers.test.ts',
  // Here come the files of the project `processes`.
  'test/func/',
  'test/e2e/',
  'test/fuzz/requests.test.ts',
  'test/fuzz/',
  'test/unit/infra/',
  'packages/microsoft-cloud/test/e2e/',
  'test/contract/',
  'test/unit/lib/audit/table-audit-log.test.ts',
] as const;

/** The place of the project `processes`. Its files follow each other, because only then do they share a worker. */
const placeOfProcesses = longest.indexOf('test/func/') - 0.5;

/** Where a file is in the list of the longest. */
function rank({ moduleId, project }: TestSpecification): number {
  if (project.name === 'processes') return placeOfProcesses;
  const at = longest.findIndex((path) => moduleId.includes(`/${path}`));
  return at === -1 ? longest.length : at;
}

/** Starts the longest files first, and unit tests that share a worker last. Files of the same rank: larger ones first. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const bySize = super.sort.bind(this);
    return (await bySize(files)).toSorted((a, b) => Number(isShared(a)) - Number(isShared(b)) || rank(a) - rank(b));
  }
}

const isShared = ({ project }: TestSpecification): boolean => project.name === 'shared';
