import { describe, expect, it } from 'vitest';
import { setEnvironment } from '../../../src/app/environment.ts';

describe('setEnvironment', () => {
  it('adds the app settings and the variables that the libraries need', () => {
    const environment: NodeJS.ProcessEnv = { NO_PROXY: 'example.com,localhost', KEPT: '1' };
    const settings = { SETTING: 'x', AZURE_FUNCTIONS_ENVIRONMENT: 'Staging' };
    setEnvironment(environment, { settings, appFolder: '/app', port: 1234 });
    expect(environment).toEqual({
      KEPT: '1',
      SETTING: 'x',
      AZURE_FUNCTIONS_ENVIRONMENT: 'Staging',
      FUNCTIONS_WORKER_RUNTIME: 'node',
      FUNCTIONS_APPLICATION_DIRECTORY: '/app',
      WEBSITE_HOSTNAME: '127.0.0.1:1234',
      NO_PROXY: 'example.com,localhost,127.0.0.1',
      no_proxy: '127.0.0.1,localhost',
    });
  });
});
