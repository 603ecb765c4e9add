import { describe, expect, test } from 'vitest';
import { csvCell } from '../../../../src/lib/core/csv.ts';

describe('csvCell', () => {
  test('reads a megabyte of separators and blanks in linear time', () => {
    const separators = ';\n \t'.repeat(300_000);
    expect(csvCell(separators)).toBe(`"${separators}"`);
    expect(csvCell(`${separators}=1`)).toBe(`"${separators}'=1"`);
  });

  test.each([
    ['plain', 'plain'],
    ['a,b', '"a,b"'],
    ['say "hi"', '"say ""hi"""'],
    ['two\nlines', '"two\nlines"'],
    ['=1+1', "'=1+1"],
    ['+49 30', "'+49 30"],
    ['-2+3', "'-2+3"],
    ['@SUM(A1)', "'@SUM(A1)"],
    ['\t=1', `"'\t'=1"`],
    ['\r=1', `"'\r'=1"`],
    ['\n=1', `"'\n'=1"`],
    [' =1+1', " '=1+1"],
    ['\u00a0\u200b=1', "\u00a0\u200b'=1"],
    ['＝1+1', "'＝1+1"],
    ['＋1', "'＋1"],
    ['－1', "'－1"],
    ['＠SUM(1)', "'＠SUM(1)"],
    ['Contoso;=1+1', `"Contoso;'=1+1"`],
    ['Contoso; @SUM(1)', `"Contoso; '@SUM(1)"`],
    ['Contoso;"=1+"', `"Contoso;""'=1+"""`],
    ['Contoso\t-1', `"Contoso\t'-1"`],
    ['Contoso\r\n\n+1', `"Contoso\r\n\n'+1"`],
    ['Contoso\u2028=1', `Contoso\u2028'=1`],
    ['a; b=1; c', '"a; b=1; c"'],
    ['Müller, +49 30', '"Müller, +49 30"'],
    ['a-b+c@d', 'a-b+c@d'],
    ['=HYPERLINK("http://x","y")', '"\'=HYPERLINK(""http://x"",""y"")"'],
    [-5, '-5'],
    [true, 'true'],
    [null, ''],
  ] as const)('%j is written %j: quoted, and never run as a formula', (value, expected) => {
    expect(csvCell(value)).toBe(expected);
  });
});
