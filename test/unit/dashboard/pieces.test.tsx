// @vitest-environment happy-dom
import type { ComponentChildren, VNode } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { act } from 'preact/test-utils';
import { describe, expect, it, vi } from 'vitest';
import { auditLink, parseAuditFilter } from '../../../dashboard/app/view-filter.ts';
import { resultFile } from '../../../dashboard/app/result-downloads.ts';
import { historyLink, parseHistoryChoice } from '../../../dashboard/app/history-choice.ts';
import {
  asksForReport,
  goTo,
  jobLink,
  replaceAddress,
  type Route,
  runLink,
  reportLink,
  tenantLink,
  useRoute,
  useViewChange,
} from '../../../dashboard/app/route.ts';
import { rendered } from './rendered.ts';

describe('a change of the view', () => {
  function View({ route, children }: { readonly route: Route; readonly children?: ComponentChildren }) {
    useViewChange(route);
    return (
      <main id="content" tabIndex={-1}>
        {children}
      </main>
    );
  }
  it('moves the focus to its heading when it comes, names it in the title, and does neither for a filter', async () => {
    const list = (query: string): VNode => (
      <View route={{ view: 'tenants', query }}>
        <h1 data-name="Tenants">25 tenants are well</h1>
      </View>
    );
    const { root, rerender, unmount } = await rendered(list(''));
    expect([document.title, document.activeElement]).toEqual(['Tenants - Partner Token Broker', document.body]);
    await rerender(list('search=a'));
    expect(document.activeElement).toBe(document.body);
    const one = (more: ComponentChildren): VNode => <View route={{ view: 'tenants', id: 't', query: '' }}>{more}</View>;
    await rerender(one('Loading…'));
    expect([document.title, document.activeElement]).toEqual(['Partner Token Broker', root.querySelector('main')]);
    await rerender(one(<h1>Contoso</h1>));
    await vi.waitFor(() => expect(document.activeElement).toBe(root.querySelector('h1')));
    expect(document.title).toBe('Contoso - Partner Token Broker');
    await unmount();
    expect(document.title).toBe('Partner Token Broker');
  });

  it('leaves the focus to what has taken it in the view, such as the row that the reader comes back to', async () => {
    function Row() {
      const row = useRef<HTMLButtonElement>(null);
      useLayoutEffect(() => row.current?.focus(), []);
      return <button ref={row}>Contoso</button>;
    }
    const { root, rerender, unmount } = await rendered(<View route={{ view: 'overview', query: '' }} />);
    await rerender(
      <View route={{ view: 'tenants', query: '' }}>
        <h1 data-name="Tenants">25 tenants are well</h1>
        <Row />
      </View>,
    );
    expect(document.activeElement).toBe(root.querySelector('button'));
    expect(document.title).toBe('Tenants - Partner Token Broker');
    await unmount();
  });
});

describe('useRoute', () => {
  let route: Route;
  function Page() {
    route = useRoute();
    return null;
  }
  const routeOf = async (hash: string): Promise<Route> => {
    location.hash = hash;
    const { unmount } = await rendered(<Page />);
    await unmount();
    return route;
  };

  it('reads back the id of a run from its link', async () => {
    expect(await routeOf(runLink('licence-report@2026-11-24T05:00Z'))).toEqual({
      view: 'runs',
      id: 'licence-report@2026-11-24T05:00Z',
      query: '',
    });
  });

  it('keeps a text that is not valid percent-encoding', async () => {
    expect(await routeOf('#/runs/licence-report%4')).toEqual({ view: 'runs', id: 'licence-report%4', query: '' });
  });

  it('reads back the id of a tenant and the filter of the tenants', async () => {
    expect(await routeOf(tenantLink('5f3a/b'))).toEqual({ view: 'tenants', id: '5f3a/b', query: '' });
    expect(asksForReport(route)).toBe(false);
    expect(await routeOf(reportLink('5f3a/b'))).toMatchObject({ view: 'tenants', id: '5f3a/b' });
    expect(asksForReport(route)).toBe(true);
    expect(await routeOf('#/tenants?show=unreachable')).toEqual({ view: 'tenants', query: 'show=unreachable' });
    expect(await routeOf('#/tenants')).toEqual({ view: 'tenants', query: '' });
  });

  it('reads back the name of a job, and what the chart of a job or tenant shows', async () => {
    expect(await routeOf(jobLink('mfa-report'))).toEqual({ view: 'jobs', id: 'mfa-report', query: '' });
    expect(await routeOf('#/jobs')).toEqual({ view: 'jobs', query: '' });
    const history = { column: 'registered=false', days: '30' };
    expect(await routeOf(historyLink(history, jobLink('x')))).toMatchObject({ view: 'jobs', id: 'x' });
    expect(parseHistoryChoice(route.query)).toEqual(history);
    expect(await routeOf(historyLink(history, tenantLink('y')))).toMatchObject({ view: 'tenants', id: 'y' });
    expect(parseHistoryChoice(route.query)).toEqual(history);
  });

  it('follows at once, adds an address to the history once, and replaces one without adding any', async () => {
    const { unmount } = await rendered(<Page />);
    location.hash = '';
    const before = history.length;
    await act(() => goTo('#/events?kind=lost'));
    await act(() => goTo('#/events?kind=lost'));
    expect(route).toEqual({ view: 'events', query: 'kind=lost' });
    expect(history.length - before).toBe(1);
    await act(() => replaceAddress('#/events?kind=back'));
    expect(route).toEqual({ view: 'events', query: 'kind=back' });
    expect(history.length - before).toBe(1);
    await unmount();
  });

  it('names no view for an unknown one, and follows the address', async () => {
    const { unmount } = await rendered(<Page />);
    await act(() => {
      location.hash = '#/nonsense';
      dispatchEvent(new Event('hashchange'));
    });
    expect(route).toEqual({ view: undefined, query: '' });
    expect(await routeOf('')).toEqual({ view: 'overview', query: '' });
    await act(() => {
      location.hash = '#/audit?outcome=denied';
      dispatchEvent(new Event('hashchange'));
    });
    expect(route).toEqual({ view: 'audit', query: 'outcome=denied' });
    await unmount();
  });
});

describe('the audit filter', () => {
  it('ignores unknown outcomes, unknown names and empty values', () => {
    expect(parseAuditFilter('outcome=nonsense&kind=x&tenant=contoso.com&caller=&other=1')).toEqual({
      tenant: 'contoso.com',
    });
  });

  it('is the same after a link', () => {
    const filter = { tenant: 'contoso.com', outcome: 'issued', from: '2026-11-24T00:00Z' };
    expect(parseAuditFilter(auditLink(filter).split('?')[1] ?? '')).toEqual(filter);
    expect(auditLink({})).toBe('#/audit');
  });
});

describe('resultFile', () => {
  const pages = (texts: readonly string[]) => {
    const asked: string[] = [];
    const fetchPage = async (address: string) => {
      asked.push(address);
      const link = asked.length < texts.length ? `<?page=${asked.length}>; rel="next"` : null;
      return { body: new Blob([texts[asked.length - 1] ?? ''], { type: 'text/csv' }), link };
    };
    return { asked, fetchPage };
  };

  it('joins pages of JSON Lines to one JSON array', async () => {
    const { asked, fetchPage } = pages(['{"n":1}\n{"n":2}\n', '{"n":3}\n']);
    const file = await resultFile('https://broker.test/results', 'json', fetchPage);
    expect(JSON.parse(await file.text())).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
    expect(asked).toEqual([
      'https://broker.test/results?format=jsonl&limit=50000',
      'https://broker.test/results?page=1',
    ]);
  });

  it('joins pages of CSV as they are', async () => {
    const { asked, fetchPage } = pages(['n\n1\n', '2\n']);
    const file = await resultFile('https://broker.test/results', 'csv', fetchPage);
    expect([await file.text(), file.type]).toEqual(['n\n1\n2\n', 'text/csv']);
    expect(asked[0]).toContain('format=csv');
  });
});
