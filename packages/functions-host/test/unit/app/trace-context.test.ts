import { describe, expect, it } from 'vitest';
import { newTraceContext } from '../../../src/app/trace-context.ts';

const [traceId, spanId] = ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331'];
const own = /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/;

describe('newTraceContext', () => {
  it('continues a trace with a new span', () => {
    const traceParent = `00-${traceId}-${spanId}-01`;
    const first = newTraceContext({ traceParent, traceState: 'a=1' });
    expect(first).toMatchObject({ traceState: 'a=1', attributes: {} });
    expect(first.traceParent).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`));
    expect(first.traceParent).not.toBe(traceParent);
    expect(newTraceContext({ traceParent, traceState: undefined }).traceState).toBe('');
  });

  it('begins a trace of its own without one, and each time another', () => {
    const [first, second] = [newTraceContext(), newTraceContext()];
    expect(first.traceParent).toMatch(own);
    expect(first.traceState).toBe('');
    expect(first.traceParent.slice(3, 35)).not.toBe(second.traceParent.slice(3, 35));
  });

  it.each([
    `01-${traceId}-${spanId}-01`,
    `00-${traceId}-${spanId}-01-more`,
    `x00-${traceId}-${spanId}-01`,
    `00-${traceId.toUpperCase()}-${spanId}-01`,
    `00-${traceId.slice(1)}-${spanId}-01`,
    '',
  ])('ignores the broken header "%s" and its state', (traceParent) => {
    const context = newTraceContext({ traceParent, traceState: 'a=1' });
    expect(context.traceParent).toMatch(own);
    expect(context.traceParent).not.toContain(traceId);
    expect(context.traceState).toBe('');
  });
});
