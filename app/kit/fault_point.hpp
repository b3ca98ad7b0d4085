#pragma once

// Points at which a test ends or stops the program, to prove that nothing is lost whenever it dies.
// Only in builds with the CMake option SOUK_FAULT_POINTS; in others point() is empty and nothing of
// all this is in the program. Private to the kit.
//
// A point is called "<kind>:<what>:<when>". All but the last of `what` are names, the last may be a
// path, whose identifiers become ID:
//
//   call:inventory.POST.reservations.ID.commit:before   a call to another service: before it is
//                                                       sent; after its answer has come
//   request:POST.orders.ID.cancel:after                 a request: before its handler; after it,
//                                                       before the answer is sent
//   commit:save_move:sent                               what ends a transaction, by its (last)
//                                                       statement: before; sent and its answer not
//                                                       yet read; after
//   sql:find_order:before                               every other statement: before; after
//   redis:add_to_cart:after                             a command or script: before; after
//
// The environment's FAULT_POINTS is a folder; without it nothing happens. While there is a file
// `record` in it, each point that is passed is added to <program>.trail there, a line each. The
// file <program>/<point> arms a point. Its words tell what happens at the next passes:
//
//   crash    the program sends itself SIGKILL
//   stop     the program adds the point to <program>.stops, sends itself SIGSTOP and goes on with
//            SIGCONT
//   skip N   N passes without anything
//
// Each pass takes its word away, the last one the file, before anything happens: so a word acts
// once, whatever it does to the program. There may be several: "skip 2 crash stop".

#include <initializer_list>
#include <string_view>

namespace souk::fault {

#ifdef SOUK_FAULT_POINTS
void point(std::string_view kind, std::initializer_list<std::string_view> what,
           std::string_view when);
#else
inline void point(std::string_view, std::initializer_list<std::string_view>, std::string_view) {}
#endif

}  // namespace souk::fault
