"""Bayesian trajectory classes for serial circulating-tumour-cell counts."""
