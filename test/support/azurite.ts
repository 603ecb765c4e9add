export { type Azurite, type AzuriteOptions, type AzuritePorts, startAzurite } from '../../src/cli/demo/azurite.ts';
