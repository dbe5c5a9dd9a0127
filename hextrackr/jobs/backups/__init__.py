"""Copies of the whole record, made while the server runs, checked, and put back. SQLite only; knows neither Flask nor the tracker."""
