#include "kit/http_errors.hpp"

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include "kit/http_client.hpp"
#include "kit/postgres.hpp"
#include "kit/redis.hpp"

namespace souk::http::detail {
namespace {

constexpr std::string_view dependency = "A part that this needs does not answer now. Try again.";

// Classes and codes that say more about the server's state than about the statement.
bool passes_by_itself(std::string_view sqlstate) {
  return sqlstate.starts_with("08") || sqlstate.starts_with("53") || sqlstate.starts_with("57") ||
         sqlstate == "40001" || sqlstate == "40P01" || sqlstate == "55P03" || sqlstate == "25006";
}

problem internal() {
  return {.status = 500,
          .type = "internal",
          .title = "Something went wrong here",
          .detail = "It is recorded under the trace_id."};
}

}  // namespace

problem deadline_problem() {
  return problem{.status = 504,
                 .type = "deadline-exceeded",
                 .title = "Time is over",
                 .detail = "The answer was not ready in the time that it was given."}
      .header("Retry-After", "1");
}

judged judge(std::exception_ptr thrown, bool cancelled) {
  const auto unavailable = [](const std::exception& e) {
    return judged{problems::unavailable(dependency), e.what(), true};
  };
  try {
    std::rethrow_exception(thrown);
  } catch (const deadline_exceeded& e) {
    return {deadline_problem(), e.what(), true};
  } catch (const body_refused& e) {
    return {e.failure, "", true};
  } catch (const connection_lost&) {
    return {.failure = {}, .expected = true, .lost = true};
  } catch (const head_only&) {
    return {.failure = {}, .expected = true, .complete = true};
  } catch (const pg::unavailable& e) {
    if (cancelled) return {deadline_problem(), e.what(), true};
    return unavailable(e);
  } catch (const pg::unknown_outcome& e) {
    return unavailable(e);
  } catch (const redis::unavailable& e) {
    if (cancelled) return {deadline_problem(), e.what(), true};
    return unavailable(e);
  } catch (const call_failed& e) {
    if (cancelled) return {deadline_problem(), e.what(), true};
    return unavailable(e);
  } catch (const pg::error& e) {
    if (passes_by_itself(e.sqlstate)) return unavailable(e);
    return {internal(), "SQLSTATE " + e.sqlstate + ": " + e.what(), false};
  } catch (const boost::system::system_error& e) {
    if (e.code() == boost::asio::error::operation_aborted) {
      if (cancelled) return {deadline_problem(), "", true};
      return unavailable(e);
    }
    return {internal(), e.what(), false};
  } catch (const std::exception& e) {
    return {internal(), e.what(), false};
  } catch (...) {
    return {internal(), "an exception of unknown type", false};
  }
}

}  // namespace souk::http::detail
