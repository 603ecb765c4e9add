import { describe, expect, it } from 'vitest';
import { levelOfErrorLine } from '../../../src/runtime/captured-output.ts';
import { categoryName, filteredLog, isLogged, type LogLevels } from '../../../src/runtime/log-filter.ts';

describe('isLogged', () => {
  const levels: LogLevels = {
    Default: 'warning',
    Function: 'information',
    'Function.noisy': 'error',
    'Host.Http': 'none',
  };

  it.each([
    ['information', 'Host.General', false],
    ['warning', 'Host.General', true],
    ['information', 'function.plain.User', true],
    ['debug', 'Function.plain', false],
    ['warning', 'Function.noisy.User', false],
    ['critical', 'Host.Http', false],
  ] as const)('decides about %s of %s by the longest prefix', (level, category, expected) => {
    expect(isLogged(levels, level, category)).toBe(expected);
  });

  it('matches what is before and after one `*` in a key, as .NET does', () => {
    const wild: LogLevels = {
      default: 'warning',
      Function: 'warning',
      'Function.*.User': 'information',
      '*.Quiet': 'none',
    };
    const logged = ['Function.a.User', 'function.B.user', 'Function.a', 'Function.a.User.More', 'Host.Quiet'].map(
      (name) => isLogged(wild, 'information', name),
    );
    expect(logged).toEqual([true, true, false, false, false]);
    expect([isLogged(wild, 'warning', 'Function.a'), isLogged(wild, 'critical', 'Host.Quiet')]).toEqual([true, false]);
  });

  it('admits information and more without levels', () => {
    expect([isLogged({}, 'debug', 'x'), isLogged({}, 'information', 'x')]).toEqual([false, true]);
  });
});

describe('categoryName', () => {
  it('returns the categories of the platform', () => {
    expect(categoryName('user', 'f')).toBe('Function.f.User');
    expect(categoryName('system', 'f')).toBe('Function.f');
    expect(categoryName('console', undefined)).toBe('Host.Function.Console');
  });
});

describe('filteredLog', () => {
  it('passes on the admitted entries only', () => {
    const seen: string[] = [];
    const log = filteredLog((level, _category, message) => seen.push(`${level} ${message}`), { default: 'error' });
    for (const level of ['information', 'error', 'information', 'error'] as const) log(level, 'user', 'text', 'f');
    expect(seen).toEqual(['error text', 'error text']);
  });
});

describe('levelOfErrorLine', () => {
  it.each([
    ['a Warning about an error', 'warning'],
    ['Error: x', 'error'],
    ['it FAILED', 'error'],
    ['listening', 'information'],
  ])('gives %j the level %s', (line, expected) => {
    expect(levelOfErrorLine(line)).toBe(expected);
  });
});
