import type { CloudDocument } from '../../document.ts';
import type { Faults } from '../../faults/faults.ts';
import type { Ledger } from '../../ledger.ts';
import type { Reply } from '../../web/http.ts';
import { type PathParameters, type Route, route } from '../../web/router.ts';
import type { World } from '../../world.ts';
import { faultsPart } from './faults.ts';
import { file } from './html.ts';
import { controlPage } from './page.ts';
import { requestsPart } from './requests.ts';
import { pageScript } from './script.ts';
import { pageStyle } from './style.ts';
import { tenantsPart } from './tenants.ts';

interface PageState {
  readonly world: World;
  readonly ledger: Ledger;
  readonly faults: Faults;
  readonly document: () => CloudDocument;
}

type PageHandler = (state: PageState, body: unknown, parameters: PathParameters, query: URLSearchParams) => Reply;

const textOf = (query: URLSearchParams, name: string): string => query.get(name) ?? '';

/** The page of the control endpoint, its files, and the parts that its script fetches again. */
export const pageRoutes: readonly Route<PageHandler>[] = [
  route('GET', '/', (state) => file('text/html', controlPage({ ...state, document: state.document() }))),
  route('GET', '/page.css', () => file('text/css', pageStyle)),
  route('GET', '/page.js', () => file('text/javascript', pageScript)),
  route('GET', '/parts/requests', ({ world, ledger }, _body, _parameters, query) =>
    file('text/html', requestsPart(world, ledger, { search: textOf(query, 'search'), only: textOf(query, 'only') })),
  ),
  route('GET', '/parts/faults', ({ faults, world }) => file('text/html', faultsPart(faults.list(), world.settings))),
  route('GET', '/parts/tenants', ({ world }, _body, _parameters, query) =>
    file('text/html', tenantsPart(world, textOf(query, 'search'))),
  ),
];
