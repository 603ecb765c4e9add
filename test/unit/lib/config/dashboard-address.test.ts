import { expect, it } from 'vitest';
import { dashboardAddress } from '../../../../src/lib/config/environment.ts';

it.each([
  ['func.azurewebsites.net', 'https://func.azurewebsites.net/api/dashboard'],
  ['localhost:7071', 'http://localhost:7071/api/dashboard'],
  ['localhost', 'http://localhost/api/dashboard'],
  ['127.0.0.1:70', 'http://127.0.0.1:70/api/dashboard'],
  ['localhost.example', 'https://localhost.example/api/dashboard'],
  ['my-localhost', 'https://my-localhost/api/dashboard'],
  ['localhost:x', 'https://localhost:x/api/dashboard'],
  ['localhost:70x', 'https://localhost:70x/api/dashboard'],
  ['127x0.0.1', 'https://127x0.0.1/api/dashboard'],
  ['', undefined],
  [undefined, undefined],
])('the dashboard of the host %s is at %s', (host, address) => {
  expect(dashboardAddress({ WEBSITE_HOSTNAME: host })).toBe(address);
});
