import { type CloudRequest, json, type Reply } from '../../web/http.ts';
import type { Report } from '../declaration.ts';
import { badRequest, GraphError } from '../graph-error.ts';
import type { QueryOptions } from '../odata/expression.ts';
import { pageOf } from './page.ts';
import { nextLink } from './read.ts';
import { csvOf, objectsOf, type Reports } from './report.ts';
import type { View } from './view.ts';
import type { Walks } from './walks.ts';

/** A request for a usage report. */
export interface ReportRequest {
  readonly request: CloudRequest;
  readonly declared: Report;
  readonly options: QueryOptions;
  readonly view: View;
  readonly keys: readonly string[];
  /** Of the service, without the version. */
  readonly root: string;
}

/**
 * Version 1.0 redirects to a CSV file. Beta can also return JSON, in pages.
 * @throws GraphError 400 for options that the pages of the reports do not name.
 */
export function answerReport(
  { request, declared, options, view, keys, root }: ReportRequest,
  { reports, walks }: { readonly reports: Reports; readonly walks: Walks },
): Reply {
  if (request.method !== 'GET')
    throw new GraphError(405, 'Request_BadRequest', 'Specified HTTP method is not allowed for the request target.');
  const format = options.format?.toLowerCase() ?? 'text/csv';
  const isJson = format === 'application/json' && /^\/beta\//i.test(request.path);
  if (!isJson && format !== 'text/csv') throw badRequest(`The format '${format}' is not supported.`);
  checkReportOptions(options, isJson && declared.pageSize !== 'whole');
  declared.check?.(view);
  const lines = declared.lines(view, ...keys);
  if (!isJson) {
    const name = (/([^/(]+)\([^)]*\)$/.exec(declared.path)?.[1] ?? 'report').replace(/^get/, '');
    return { status: 302, headers: { location: `${root}${reports.publish(name, csvOf(lines))}` } };
  }
  const { pageSize = 200 } = declared;
  const query = new URLSearchParams([...request.query].filter(([name]) => !/^\$?skiptoken$/i.test(name)));
  query.sort();
  const page = pageOf(
    objectsOf(lines).map((row, at) => ({ id: at, row })),
    options,
    {
      isDirectory: false,
      defaultTop: Infinity,
      maxTop: Infinity,
      ...(pageSize === 'whole' ? {} : { maxPage: pageSize }),
    },
    { walks, request: [view.tenantId, request.path.toLowerCase(), query.toString()].join('\n') },
  );
  const address = `${root}${request.path}`;
  return json(200, {
    ...(page.nextToken === undefined
      ? {}
      : { '@odata.nextLink': nextLink({ address, query: request.query }, page.nextToken) }),
    value: page.rows.map(({ row }) => row),
  });
}

function checkReportOptions(options: QueryOptions, hasPages: boolean): void {
  const { select, filter, orderBy, search, skip, count, expand, top, skipToken } = options;
  const isOther = [select, filter, search, skip].some((each) => each !== undefined) || count;
  const isPaged = top !== undefined || skipToken !== undefined;
  if (isOther || orderBy.length > 0 || expand.length > 0 || (isPaged && !hasPages))
    throw badRequest('The report does not support this query option.');
}
