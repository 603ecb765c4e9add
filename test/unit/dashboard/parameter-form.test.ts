import { describe, expect, it } from 'vitest';
import { initialContent, readForm } from '../../../dashboard/app/parameter-form.ts';
import { parameterFields } from '../../../src/lib/core/parameters.ts';

const fields = parameterFields({
  required: ['level', 'count'],
  properties: {
    days: { type: 'integer', minimum: 0, default: 30 },
    count: { type: 'number' },
    level: { type: 'string', enum: ['low', 'high'] },
    deep: { type: 'boolean', default: true },
    maybe: { type: 'boolean' },
    since: { type: 'string', format: 'date' },
    at: { type: 'string', format: 'date-time', default: '2026-11-24T05:00:00.000Z' },
    note: { type: 'string', maxLength: 5 },
    parts: { type: 'array', items: { type: 'string', enum: ['a', 'b'] }, default: ['a'] },
    more: { type: 'array', items: { type: 'string', enum: ['a', 'b'] } },
    names: { type: 'array', items: { type: 'string' }, default: ['x', 'y'] },
    lines: { type: 'array', items: { type: 'string' }, maxItems: 2 },
  },
});
const initial = initialContent(fields);
const read = (content: object) => readForm(fields, { ...initial, level: 'low', count: '1', ...content });

describe('the form of the parameters', () => {
  it('begins with the defaults, and leaves out what still shows its default', () => {
    expect(initial).toMatchObject({ days: '30', deep: 'true', maybe: '', at: '2026-11-24T05:00:00', names: 'x\ny' });
    expect(read({})).toEqual({
      problems: {},
      parameters: { count: 1, level: 'low' },
    });
  });

  it.each([
    ['number', { type: 'number', default: 1e-7 }, '1e-7'],
    ['text', { type: 'string', default: '  a  ' }, '  a  '],
    ['list', { type: 'array', items: { type: 'string' }, default: ['a\nb', ' c '] }, 'a\nb\n c '],
    ['time', { type: 'string', format: 'date-time', default: '2026-01-01T02:00:00+02:00' }, '2026-01-01T00:00:00'],
  ])('leaves a default %s to the broker that no field can hold', (_, schema, shown) => {
    const [odd] = [parameterFields({ properties: { odd: schema } })];
    expect(initialContent(odd)).toEqual({ odd: shown });
    expect(readForm(odd, initialContent(odd))).toEqual({ parameters: {}, problems: {} });
  });

  it('reads a number with an exponent, and refuses one without end', () => {
    expect(read({ count: '2.5e-7' }).parameters).toMatchObject({ count: 2.5e-7 });
    expect(read({ count: '1e999' }).problems).toHaveProperty('count');
  });

  it('reads what a person fills in', () => {
    const filled = {
      days: ' 7 ',
      count: '-0.5',
      deep: 'false',
      maybe: 'true',
      since: '2026-02-28',
      at: '2026-11-24T06:30',
      note: 'abc',
      parts: ['a', 'b'],
      more: ['b'],
      names: ' one \n\n two',
      lines: 'z',
    };
    expect(read(filled)).toEqual({
      problems: {},
      parameters: {
        days: 7,
        count: -0.5,
        level: 'low',
        deep: false,
        maybe: true,
        since: '2026-02-28',
        note: 'abc',
        at: '2026-11-24T06:30:00Z',
        parts: ['a', 'b'],
        more: ['b'],
        names: ['one', 'two'],
        lines: ['z'],
      },
    });
  });

  it('leaves out what is empty, except a list whose default was emptied', () => {
    const { parameters } = read({ days: '', at: '', parts: [], names: ' ' });
    expect(parameters).toEqual({ count: 1, level: 'low', parts: [], names: [] });
  });

  it('says what is wrong with each field', () => {
    const { problems } = read({
      days: '1.5',
      count: 'x',
      level: '',
      since: '24.11.2026',
      note: 'abcdef',
      lines: 'a\nb\nc',
    });
    expect(problems).toEqual({
      days: 'It must be a whole number of at least 0.',
      count: 'It must be a number.',
      level: 'This parameter is needed.',
      since: 'It must be a date such as 2026-11-24.',
      note: 'It must be a text of at most 5 characters.',
      lines: 'It must be a list of at most 2, each a text.',
    });
  });
});
