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
  // Here come the files of the project `rest`.
  'test/func/',
  'test/durable-engine/',
  'test/e2e/runs/',
  'test/e2e/',
  'test/fuzz/requests.test.ts',
  'test/fuzz/',
  // Here come the files of the project `tools`.
  'test/unit/infra/',
  'packages/microsoft-cloud/test/e2e/',
  'test/contract/',
  'test/unit/lib/audit/log/table-audit-log.test.ts',
] as const;

/** The places of projects whose files follow each other, because only then do they share workers. */
const placeOfProject: Readonly<Record<string, number>> = {
  surfaces: -1,
  rest: longest.indexOf('test/func/') - 0.5,
  tools: longest.indexOf('test/unit/infra/') - 0.5,
  dashboard: longest.length + 1,
  units: longest.length + 2,
};

/** Where a file is in the list of the longest. */
function placeOf({ moduleId }: TestSpecification): number {
  const at = longest.findIndex((path) => moduleId.includes(`/${path}`));
  return at === -1 ? longest.length : at;
}

const placeOfGroup = (file: TestSpecification): number => placeOfProject[file.project.name] ?? placeOf(file);

/** Starts the longest files first, and pure unit tests last. Files of the same place: larger ones first. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const bySize = super.sort.bind(this);
    return (await bySize(files)).toSorted((a, b) => placeOfGroup(a) - placeOfGroup(b) || placeOf(a) - placeOf(b));
  }
}
