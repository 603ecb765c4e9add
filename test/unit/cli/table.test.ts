import { expect, it } from 'vitest';
import { plainLine, styled } from '../../../src/cli/line.ts';
import { table } from '../../../src/cli/table.ts';

const shown = (...given: Parameters<typeof table>): string[] => table(...given).map(plainLine);

const rows = [
  ['Contoso', 'contoso.onmicrosoft.com', 'yes'],
  ['Fabrikam Holding', 'fabrikam.com', 'no'],
];

it('is as wide as its cells without a terminal', () => {
  expect(shown(['tenant', 'domain', 'ok'], rows)).toEqual([
    'tenant            domain                   ok',
    '----------------  -----------------------  ---',
    'Contoso           contoso.onmicrosoft.com  yes',
    'Fabrikam Holding  fabrikam.com             no',
  ]);
});

it('cuts the widest columns with an ellipsis, and leaves the last column of the terminal empty', () => {
  expect(shown(['tenant', 'domain', 'ok'], rows, 46 - 10)).toEqual([
    'tenant          domain          ok',
    '--------------  --------------  ---',
    'Contoso         contoso.onmic…  yes',
    'Fabrikam Hold…  fabrikam.com    no',
  ]);
  for (let width = 26; width < 60; width += 1)
    for (const line of shown(['tenant', 'domain', 'ok'], rows, width)) expect(line.length).toBeLessThan(width);
});

it('cuts a column below its minimum only after the optional columns were left out', () => {
  const columns = [{ head: 'tenant', min: 16 }, 'domain', { head: 'results', optional: true }];
  const cells = rows.map(([tenant = '', domain = '']) => [tenant, domain, 'report: succeeded']);
  expect(shown(columns, cells, 37)[3]).toBe('Fabrikam Holding  fabrika…  report:…');
  expect(shown(columns, cells, 36)[3]).toBe('Fabrikam Holding  fabrikam.com');
  expect(shown(columns, cells, 26)[3]).toBe('Fabrikam Holdi…  fabrika…');
});

it('cuts no head while another column can give way', () => {
  const columns = ['tenant', 'administrator', { head: 'registered', optional: true }];
  const cells = rows.map(([tenant = '']) => [tenant, 'yes', 'no']);
  expect(shown(columns, cells, 36)[0]).toBe('tenant    administrator  registered');
  expect(shown(columns, cells, 35)[0]).toBe('tenant            administrator');
  expect(shown(columns, cells, 24)[0]).toBe('tenant    administrator');
});

it('goes on below in a column that wraps, between words where it can', () => {
  const columns = ['job', { head: 'what', wrap: true }];
  const cells = [
    ['a', styled('bad', 'one two three')],
    ['b', 'abcdefghijklmn'],
    ['c', ''],
  ];
  expect(shown(columns, cells, 16)).toEqual([
    'job  what',
    '---  ----------',
    'a    one two',
    '     three',
    'b    abcdefghij',
    '     klmn',
    'c',
  ]);
  expect(table(columns, cells, 16)[3]).toContainEqual(styled('bad', 'three'));
  expect(shown(columns, cells)[2]).toBe('a    one two three');
});

it('counts wide characters as the terminal does', () => {
  const [, , first, second] = shown(
    ['tenant', 'ok'],
    [
      ['株式会社コントソ', 'yes'],
      ['Contoso', 'no'],
    ],
    20,
  );
  expect(first).toBe('株式会社コン…   yes');
  expect(second).toBe('Contoso         no');
});

it('keeps the look of a cell that is cut, without its padding', () => {
  const [, , row] = table(['a', 'b'], [[styled('bad', 'tenant_not_delegated'), 'x']], 20);
  expect(row).toEqual(expect.arrayContaining([styled('bad', 'tenant_not_dele…')]));
});
