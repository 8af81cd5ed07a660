"""The languages: a module each, named as the locale, with a class ``Words``."""
