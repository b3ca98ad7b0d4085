#include "kit/event_loop.hpp"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <cstdlib>
#include <exception>

#include "kit/telemetry.hpp"

namespace souk {

namespace asio = boost::asio;

event_loop::event_loop(std::string_view service_name)
    : state_(std::make_unique<state>(service_name)) {}

event_loop::~event_loop() {
  if (state_->helper) state_->helper->join();
  // Coroutines go before the objects that they refer to, and the objects in reverse order.
  state_->waiting.clear();
  state_->io.destroy_waiting();
  while (!state_->objects.empty()) state_->objects.pop_back();
}

souk::executor event_loop::executor() {
  return state_->io.get_executor();
}
http::router& event_loop::routes() {
  return state_->routes;
}
std::string_view event_loop::service_name() const {
  return state_->name;
}
void event_loop::keep(std::shared_ptr<void> object) {
  state_->objects.push_back(std::move(object));
}
bool event_loop::draining() const {
  return state_->draining;
}

void event_loop::spawn(std::string_view name, task<> work) {
  if (state_->background_started)
    state_->start_work(name, std::move(work));
  else
    state_->waiting.push_back({std::string(name), std::move(work)});
}

void event_loop::ready_when(std::string_view name,
                            std::function<task<bool>(const context&)> check) {
  state_->checks.push_back({std::string(name), std::move(check)});
}

void event_loop::on_drain(std::function<void()> f) {
  state_->drain_callbacks.push_back(std::move(f));
}

void event_loop::state::start_background() {
  if (std::exchange(background_started, true)) return;
  for (auto& w : std::exchange(waiting, {})) start_work(w.name, std::move(w.what));
}

void event_loop::state::start_work(std::string_view work_name, task<> what) {
  ++background;
  asio::co_spawn(io, std::move(what),
                 [this, n = std::string(work_name)](std::exception_ptr thrown) {
                   --background;
                   if (!thrown) return;
                   try {
                     std::rethrow_exception(thrown);
                   } catch (const boost::system::system_error& e) {
                     if (e.code() == asio::error::operation_aborted) return;  // its wait was ended
                     telemetry::log(telemetry::level::error, "background work failed",
                                    {{"work", n}, {"error", e.what()}});
                   } catch (const std::exception& e) {
                     telemetry::log(telemetry::level::error, "background work failed",
                                    {{"work", n}, {"error", e.what()}});
                   }
                   // Whoever supervises the program starts it again, which this work alone cannot.
                   telemetry::stop(std::chrono::seconds(1));
                   std::abort();
                 });
}

void event_loop::state::begin_drain() {
  if (std::exchange(draining, true)) return;
  for (auto& f : drain_callbacks) f();
}

task<> event_loop::state::stop_background(std::chrono::milliseconds limit) {
  end_waits(io.get_executor());
  // The waits of kit/task.hpp have ended here, too.
  asio::steady_timer timer(io);
  const auto end = steady_clock::now() + limit;
  while (background > 0 && steady_clock::now() < end) {
    timer.expires_after(std::chrono::milliseconds(5));
    co_await timer.async_wait(asio::use_awaitable);
  }
}

task<> event_loop::run_blocking(std::function<void()> f) {
  if (!state_->helper) state_->helper = std::make_unique<asio::thread_pool>(1);
  auto& helper = *state_->helper;
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void(std::exception_ptr)>(
      [&helper](auto handler, std::function<void()> work) {
        auto back = asio::get_associated_executor(handler);
        asio::post(helper, [h = std::move(handler), work = std::move(work),
                            guard = asio::prefer(back, asio::execution::outstanding_work.tracked),
                            back]() mutable {
          std::exception_ptr thrown;
          try {
            work();
          } catch (...) {
            thrown = std::current_exception();
          }
          asio::post(back, [h = std::move(h), thrown]() mutable { h(thrown); });
        });
      },
      asio::use_awaitable, std::move(f));
}

void event_loop::state::run(task<> work) {
  std::exception_ptr thrown;
  bool ended = false;
  asio::co_spawn(io, std::move(work), [&](std::exception_ptr e) {
    thrown = e;
    ended = true;
    io.stop();
  });
  io.restart();
  while (!ended) io.run();
  if (thrown) std::rethrow_exception(thrown);
}

void event_loop::run_until_complete(task<> work) {
  state_->start_background();
  state_->run(std::move(work));
}

}  // namespace souk
