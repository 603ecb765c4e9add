import { describe, expect, it } from 'vitest';
import { isJobName, narrowestOf } from '../../../../../src/lib/runs/job/query-job-text.ts';

describe('narrowestOf', () => {
  it.each([
    [['Directory.ReadWrite.All', 'User.ReadWrite.All', 'User.Read.All'], ['User.Read.All']],
    [['Directory.ReadWrite.All', 'Directory.Read.All', 'User.ReadWrite.All'], ['User.ReadWrite.All']],
    [['Directory.ReadWrite.All', 'Directory.Read.All'], ['Directory.Read.All']],
    [[], ['Policy.Read.All', 'Application.Read.All']],
  ])('of %j is %j', (anyOf, expected) => {
    expect(narrowestOf(anyOf, ['Policy.Read.All', 'Application.Read.All'])).toEqual(expected);
  });
});

describe('isJobName', () => {
  it.each(['a', 'stale-guests', 'report2', 'x'.repeat(40)])('accepts %s', (name) => expect(isJobName(name)).toBe(true));
  it.each(['', '2nd', 'Guest', 'a--b', 'a-', '-a', 'a b', "a'", 'x'.repeat(41)])('refuses %j', (name) =>
    expect(isJobName(name)).toBe(false),
  );
});
