# shellcheck shell=bash

command_help() {
  cat <<'TEXT'
Souk: an online store of five C++ services, on this machine.

  ./souk up                       install what is missing, build, start, wait until it answers
  ./souk down                     stop everything; the data stays
  ./souk status                   what runs, on which port, and whether it is ready
  ./souk logs [SERVICE]... [-f] [-n LINES]
                                  what the programs say; -f follows. SERVICE: product, cart, order,
                                  payment, inventory, mock-gateway, gateway, gateway-access,
                                  postgres, redis, prometheus, supervisord
  ./souk import FILE [--stock set]
                                  put products into the store (JSON Lines); with --stock set the
                                  quantities are a stocktake, otherwise only opening stock
  ./souk audit                    check the books: exit status 0 only if they balance
  ./souk backup FILE              the whole store, of one moment, in one file, while it sells
  ./souk restore FILE [--reconcile] [--yes]
                                  the store as FILE has it; asks first. --reconcile, also alone
                                  and later, settles what the payment company knows beyond that
  ./souk test [FILTER]            build and run all tests, or those whose name contains FILTER
  ./souk test --sanitize [FILTER] unit and integration tests under AddressSanitizer and
                                  UndefinedBehaviorSanitizer
  ./souk test --fuzz [TARGET]     hostile input made up by libFuzzer, a minute for each target of
                                  tests/fuzz (FUZZ_SECONDS)
  ./souk test --lint | --tidy     formatting and shell scripts | clang-tidy over everything
  ./souk bench                    how fast it is, each figure beside its limit
  ./souk shoppers [OPTION]...     simulated shoppers buy in the store; --help names the options
  ./souk chaos [--seed N] [--minutes M] [--shoppers N] [--dry-run]
                                  they buy while the store's programs are killed and stopped and its
                                  connections cut; exit status 0 only if nothing was lost, sold
                                  twice or charged twice. --dry-run shows what would happen when
  ./souk chaos --all-crash-points a crash at every point of every checkout step, in the services'
                                  test builds; takes long
  ./souk compose up [--small]     the same store in containers, with what watches it (needs Docker
                                  alone; local/README.md). compose down | ps | logs | ...: any
                                  command of docker compose, and compose audit
  ./souk verify compose           every claim about the containers, tried on a stack of its own;
                                  25 minutes at most. --list, --only CLAIM
  ./souk verify kubernetes        every claim about the store in a cluster, tried in the one that
                                  kubectl points to; 40 minutes at most (main/README.md)
  ./souk reset [--yes]            delete all data of this copy; asks first
  ./souk help                     this text

Environment of ./souk up (default):

  SOUK_PORT_BASE (8000)           the gateway listens on base+88, the services on base+1 to base+6,
                                  PostgreSQL on base+54, Redis on base+63, Prometheus on base+90.
                                  A second copy needs another one; each copy remembers its own
  SOUK_STATE (.souk)              folder of the store's data, logs and passwords
  SOUK_LISTEN (127.0.0.1)         address of the gateway; 0.0.0.0 opens the store to the network
  PUBLIC_ORIGINS                  the store's addresses as browsers see them, comma separated
                                  (http://127.0.0.1:PORT,http://localhost:PORT)
  DATABASE_URL_PRODUCT, DATABASE_URL_ORDER, DATABASE_URL_PAYMENT, DATABASE_URL_INVENTORY,
  DATABASE_URL_MOCK_GATEWAY, REDIS_URL
                                  databases of your own, instead of the private ones
  SOUK_JOBS                       compilers at the same time (one a core, as memory allows)
  LOG_LEVEL, THREADS, CURRENCY, DATABASE_POOL, DRAIN_DELAY_MS, DRAIN_TIMEOUT_MS,
  MAX_CONCURRENT_REQUESTS, OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_TRACES_SAMPLER_ARG
                                  passed on to the services (app/README.md)
  GATEWAY_RATE, GATEWAY_BURST, GATEWAY_CONNECTIONS, JAEGER_QUERY_URL, ...
                                  passed on to the gateway (local/README.md)
TEXT
}
