import { describe, expect, it } from 'vitest';
import { justificationOf } from '../../../../../src/lib/gateway/send/gateway-request.ts';

describe('what a caller says about a request', () => {
  it('is nothing by default', () => {
    expect(justificationOf({})).toEqual({ reason: undefined, askAgain: false, breakGlass: false });
    expect(justificationOf({ 'x-ask-again': 'false', 'x-break-glass': 'false' })).toEqual(justificationOf({}));
  });

  it('is a reason, perhaps encoded, and two marks', () => {
    expect(
      justificationOf({ 'x-reason': 'M%C3%BCller is locked out', 'x-ask-again': 'true', 'x-break-glass': 'true' }),
    ).toEqual({ reason: 'Müller is locked out', askAgain: true, breakGlass: true });
  });

  it.each([
    [{ 'x-reason': 'short' }, /x-reason has 10 to 500 characters, 5 of them letters or digits/],
    [{ 'x-reason': 'a.b.c.d....' }, /5 of them letters or digits/],
    [{ 'x-reason': 'Müller is locked out' }, /x-reason has /],
    [{ 'x-reason': 'is locked out %E0' }, /x-reason has /],
    [{ 'x-ask-again': 'TRUE' }, /x-ask-again is "true", or absent/],
    [{ 'x-break-glass': '1' }, /x-break-glass is "true", or absent/],
    [{ 'x-break-glass': '' }, /x-break-glass is "true", or absent/],
  ])('is not %j', (headers, detail) => {
    expect(() => justificationOf(headers as Record<string, string>)).toThrow(
      expect.objectContaining({ code: 'request_invalid', detail: expect.stringMatching(detail) as string }),
    );
  });
});
