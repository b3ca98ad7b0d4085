// The parts of Asio and Beast that are compiled once, for all who include their headers.

#include <boost/asio/impl/src.hpp>
#include <boost/asio/ssl/impl/src.hpp>
#include <boost/beast/src.hpp>
