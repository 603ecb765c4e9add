import { describe, expect, it } from 'vitest';
import { compareVersions, versionAllowed } from '../../../src/durable/versions.ts';

describe('compareVersions', () => {
  it('compares numbers part by part and other texts without case, and puts an empty version first', () => {
    expect(['1.10', '', '2', '1.9.1', '1.9'].toSorted(compareVersions)).toEqual(['', '1.9', '1.9.1', '1.10', '2']);
    expect(compareVersions('1.0', '1.0.0')).toBe(0);
    expect(compareVersions('Beta', 'beta')).toBe(0);
    expect(compareVersions('alpha', 'beta')).toBeLessThan(0);
  });
});

describe('versionAllowed', () => {
  it('applies the version match strategy', () => {
    const allowed = (instance: string | undefined, host: string | undefined): boolean[] =>
      (['None', 'Strict', 'CurrentOrOlder'] as const).map((strategy) => versionAllowed(strategy, instance, host));
    expect(allowed('1.0', '1.0')).toEqual([true, true, true]);
    expect(allowed('1.0', '2.0')).toEqual([true, false, true]);
    expect(allowed('2.0', '1.0')).toEqual([true, false, false]);
    expect(allowed(undefined, '1.0')).toEqual([true, false, true]);
    expect(allowed('1.0', undefined)).toEqual([true, true, true]);
    expect(allowed(undefined, undefined)).toEqual([true, true, true]);
  });
});
