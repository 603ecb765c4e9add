# The packaged app on Microsoft's image for Functions, for Container Apps or a machine of your own. Package first, because the
# image holds nothing but the package:
#   npm run package
#   docker build --tag partner-token-broker .
#   docker run --env-file settings.env --publish 127.0.0.1:8080:80 partner-token-broker
# settings.env has a line NAME=value for each setting (docs/settings.md). The image speaks plain HTTP: put a proxy with TLS in front.
FROM mcr.microsoft.com/azure-functions/node:4-node24

ENV AzureWebJobsScriptRoot=/home/site/wwwroot \
    AzureFunctionsJobHost__Logging__Console__IsEnabled=true
COPY out/app /home/site/wwwroot
