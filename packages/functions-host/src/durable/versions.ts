import type { DurableSettings } from '../app/host-json.ts';

/**
 * Whether a host with `hostVersion` (defaultVersion of host.json) may run an orchestration of `instanceVersion`
 * (Microsoft: "Orchestration versioning in Durable Functions"). An instance without a version counts as older than any
 * version. A host without a version runs all instances.
 */
export function versionAllowed(
  strategy: DurableSettings['versionMatchStrategy'],
  instanceVersion: string | undefined,
  hostVersion: string | undefined,
): boolean {
  if (strategy === 'None' || hostVersion === undefined) return true;
  const order = compareVersions(instanceVersion ?? '', hostVersion);
  return strategy === 'Strict' ? order === 0 : order <= 0;
}

/**
 * Compares two versions of up to four numbers part by part, other texts without regard to case. An empty version is the
 * oldest.
 */
export function compareVersions(left: string, right: string): number {
  if (left === '' || right === '') return left.length - right.length;
  const numeric = /^\d+(?:\.\d+){0,3}$/;
  if (!numeric.test(left) || !numeric.test(right)) return left.localeCompare(right, 'en', { sensitivity: 'accent' });
  const [a, b] = [left.split('.').map(Number), right.split('.').map(Number)];
  for (let at = 0; at < Math.max(a.length, b.length); at += 1) {
    const difference = (a[at] ?? 0) - (b[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
